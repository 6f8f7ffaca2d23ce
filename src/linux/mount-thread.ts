/** The program of a thread that carries out one mount, for `mountInBackground`. */
import { parentPort, workerData } from "node:worker_threads";
import { type MountOptions, mountWith } from "./mount-options.ts";
import { errorToWire } from "./wire.ts";

interface Asked {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: MountOptions;
}

const { options, ...given } = workerData as Asked;
try {
  mountWith(given, options);
  parentPort?.postMessage(null);
} catch (thrown) {
  parentPort?.postMessage(errorToWire(thrown));
}
