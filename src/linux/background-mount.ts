/** Mounts that may take their time: a server that doesn't answer, a journal that is replayed. */
import { Worker } from "node:worker_threads";
import { internal } from "../lib/errors.ts";
import type { Mount } from "./mount.ts";
import { type MountOptions, mountWith } from "./mount-options.ts";
import { errorFromWire, type WireError } from "./wire.ts";

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const PROGRAM = new URL(`./mount-thread.${extension}`, import.meta.url);

/** What the kernel has in its own memory: mounted in microseconds. */
const QUICK = new Set(["tmpfs", "ramfs"]);

type Given = Pick<Mount, "source" | "target" | "type">;

/**
 * As `mountWith`, and nobody waits behind it: what asks a disk or a network is mounted by a thread of its own (an
 * asynchronous call of koffi would leave the errno on another thread).
 * @throws KernelError
 */
export async function mountInBackground(given: Given, options: MountOptions): Promise<void> {
  if (QUICK.has(given.type) || options.flags.includes("bind")) return mountWith(given, options);
  const answer = Promise.withResolvers<WireError | null>();
  const worker = new Worker(PROGRAM, { execArgv: [], workerData: { ...given, options } });
  worker.once("message", answer.resolve);
  worker.once("error", answer.reject);
  worker.once("exit", () => answer.reject(internal(`mount ${given.source}: its thread ended`)));
  const failure = await answer.promise;
  if (failure) throw errorFromWire(failure);
}
