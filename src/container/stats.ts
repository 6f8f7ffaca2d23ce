/** What a container uses, now (Docker API, "Get container stats based on resource usage"). */
import { totalmem } from "node:os";
import { codeOf } from "../lib/errors.ts";
import { formatTime, nowNanoseconds } from "../lib/events.ts";
import { type CgroupLocation, locate } from "../linux/cgroup/hierarchy.ts";
import { readMachineCpu, readUse } from "../linux/cgroup/read.ts";
import type { Entry } from "./entry.ts";
import { networkOwner } from "./network/network-owner.ts";
import type { Context } from "./options.ts";
import type { StatsSample } from "./types.ts";

/** The cgroup of one run stays where it is: it is looked for once. */
const locations = new WeakMap<object, CgroupLocation>();

/** @throws ENOENT, ESRCH where its process is gone */
export function cgroupOf({ run, container }: Entry): CgroupLocation | undefined {
  if (!run) return undefined;
  const known = locations.get(run);
  if (known) return known;
  const location = locate(run.supervised.record.process.pid, container.id);
  locations.set(run, location);
  return location;
}

/** Undefined where it does not run, or ended as it was looked at. */
export async function stats(context: Context, entry: Entry): Promise<StatsSample | undefined> {
  if (!entry.active) return undefined;
  const networks = await trafficOf(context, entry);
  const location = whileItRuns(() => cgroupOf(entry));
  if (!location) return undefined;
  const { memory, ...use } = readUse(location);
  const machine = BigInt(totalmem());
  const limit = memory.limit === undefined || memory.limit > machine ? machine : memory.limit;
  return {
    ...use,
    read: formatTime(nowNanoseconds()),
    cgroupVersion: context.host.cgroupVersion,
    machine: readMachineCpu(),
    memory: { ...memory, limit },
    networks,
  };
}

async function trafficOf(context: Context, { container }: Entry): Promise<StatsSample["networks"]> {
  const owner = networkOwner(container, context.registry);
  if (!owner || container.config.NetworkDisabled) return [];
  try {
    return await context.networks.trafficOf(owner.id);
  } catch (thrown) {
    // Its namespace went as it was asked for.
    if (codeOf(thrown) === "ENOENT" || context.networks.sandboxOf(owner.id) === undefined) return [];
    throw thrown;
  }
}

function whileItRuns<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (!["ENOENT", "ESRCH"].includes(codeOf(thrown) ?? "")) throw thrown;
    return undefined;
  }
}
