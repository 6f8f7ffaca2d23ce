/**
 * The thread on which all netlink, nft and namespace work is done: each of these runs inside its caller.
 * Calls are begun in the order of asking; only deletions of links, and looks through the table of connections,
 * are waited for alongside others.
 */
import { parentPort, workerData } from "node:worker_threads";
import { EngineError } from "../lib/errors.ts";
import { Executor } from "./executor.ts";
import { KernelError } from "./ffi.ts";
import type { Kernel } from "./kernel.ts";
import type { Answered, Asked, Given } from "./kernel-protocol.ts";
import type { Plan } from "./plan.ts";
import { errorToWire } from "./wire.ts";

type Handlers = {
  [Name in keyof Kernel]: (
    ...args: Parameters<Kernel[Name]>
  ) => Awaited<ReturnType<Kernel[Name]>> | ReturnType<Kernel[Name]>;
};

const port = parentPort;
if (!port) throw new Error("kernel-worker runs as a worker thread only");

const given: Given = workerData;
const executor = new Executor(given.nft);
// Of this thread, however it ends, unless it is terminated from outside.
process.on("exit", () => executor.release());

const handlers: Handlers = {
  apply: (plan) => {
    const facts = executor.apply(plan);
    prepareSoon(plan);
    return facts;
  },
  dismantle: (plan) => executor.dismantle(plan),
  deleteLinks: (names) => executor.deleteLinks(names),
  links: executor.links,
  traffic: executor.traffic,
  addresses: executor.addresses,
  routes: executor.routes,
  neighbours: executor.neighbours,
  nft: (commands, output) => executor.nft(commands, output),
  forgetConnections: (filters) => executor.forgetConnections(filters),
  readSysctl: (key, netns) => executor.readSysctl(key, netns),
  close: () => executor.close(),
};

/** Milliseconds of rest before the thread works ahead. Begun at once, that work slows the answer's way by half a one. */
const REST = 3;
let resting: NodeJS.Timeout | undefined;

function prepareSoon(plan: Plan): void {
  clearTimeout(resting);
  resting = setTimeout(prepareAfter, REST, plan);
}

function prepareAfter(plan: Plan): void {
  try {
    executor.prepareAfter(plan);
  } catch (thrown) {
    // Nobody asked for it. Whoever does next meets the same error in a step of his own.
    if (!(thrown instanceof KernelError || thrown instanceof EngineError)) throw thrown;
  }
}

async function answer({ id, call, args }: Asked): Promise<Answered> {
  try {
    // The other side makes `args` from the parameters of this very method.
    const handler = handlers[call] as (...args: readonly unknown[]) => unknown;
    return { id, result: await handler(...args) };
  } catch (thrown) {
    return { id, error: errorToWire(thrown) };
  }
}

port.on("message", async (asked: Asked) => {
  port.postMessage(await answer(asked));
  // The thread ends of itself when nothing is left to listen to.
  if (asked.call === "close") port.close();
});

port.postMessage({ ready: true } satisfies Answered);
