/** The kernel's real thread, for `startKernel`, that is struck dead when it is asked for a setting. */
import { pathToFileURL } from "node:url";

export const MORTAL = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    import "${pathToFileURL(`${import.meta.dirname}/../../src/linux/kernel-worker.ts`)}";
    parentPort.on("message", ({ call }) => { if (call === "readSysctl") throw new Error("struck"); });
  `)}`,
);
