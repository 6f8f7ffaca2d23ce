/** Limits and the restart policy of a container changed (Docker API, "Update a container"): all of it, or nothing. */
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { conflict, internal, messageOf } from "../lib/errors.ts";
import { giveBackLimits, keepLimits, liftPidsLimit } from "../linux/cgroup/limits.ts";
import type { Entry, Run } from "./entry.ts";
import { type Limits, NO_LIMITS } from "./limits/fitting.ts";
import { fitLimits } from "./limits/limits.ts";
import type { Context } from "./options.ts";
import { over, underway } from "./record.ts";
import { orTell } from "./save.ts";
import { type Resources, resourcesOf } from "./spec/resources.ts";
import { cgroupOf } from "./stats.ts";
import type { HostConfig, UpdateRequest } from "./types.ts";
import { validateRestartPolicy } from "./validate.ts";

/** @returns warnings. @throws invalid, conflict in Docker's words; internal where the runtime can't */
export async function update(
  context: Context,
  entry: Entry,
  request: UpdateRequest,
): Promise<readonly string[]> {
  const { RestartPolicy, ...asked } = request;
  if (RestartPolicy) validateRestartPolicy({ RestartPolicy, AutoRemove: false });
  const { limits, warnings } = fitLimits<Limits>({ ...NO_LIMITS, ...asked }, context.host, { change: true });
  await entry.mutex.run(async () => {
    const { id, hostConfig, state } = entry.container;
    const failed = `Cannot update container ${id}`;
    if (state.status === "removing" || state.status === "dead") {
      throw conflict(`${failed}: container is marked for removal and cannot be "update"`);
    }
    const refusal = conflictOf(hostConfig, limits, RestartPolicy);
    if (refusal !== undefined) throw conflict(`${failed}: ${refusal}`);
    const updated = updatedHostConfig(hostConfig, limits, RestartPolicy);
    const change = changeOf(updated, limits);
    const changes = change.liftsPids || Object.keys(change.resources).length > 0;
    const run = entry.active && changes ? entry.run : undefined;
    const giveBack = run && (await apply(context, entry, run, change));
    try {
      await context.registry.save(entry, { hostConfig: updated }, [over(id, "limits")]);
    } catch (thrown) {
      entry.container = { ...entry.container, hostConfig };
      await giveBack?.();
      throw thrown;
    }
    context.tell(entry.container, "update");
  });
  return warnings;
}

/** What stands in the way of a change, in Docker's words. */
export function conflictOf(
  present: HostConfig,
  asked: Limits,
  policy: HostConfig["RestartPolicy"] | undefined,
): string | undefined {
  if (asked.NanoCpus > 0 && present.CpuPeriod > 0) {
    return "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set";
  }
  if (asked.NanoCpus > 0 && present.CpuQuota > 0) {
    return "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set";
  }
  if (asked.CpuPeriod > 0 && present.NanoCpus > 0) {
    return "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set";
  }
  if (asked.CpuQuota > 0 && present.NanoCpus > 0) {
    return "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set";
  }
  // So it is where there was no limit at all: Docker wants both said then.
  if (asked.Memory !== 0 && asked.MemorySwap === 0 && asked.Memory > present.MemorySwap) {
    return "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time";
  }
  if (policy?.Name && policy.Name !== "no" && present.AutoRemove) {
    return "Restart policy cannot be updated because AutoRemove is enabled for the container";
  }
  return undefined;
}

/** With what was asked for: a 0, an empty list of processors and a PidsLimit of null ask for nothing. */
export function updatedHostConfig(
  present: HostConfig,
  { PidsLimit, OomKillDisable: _, MemorySwappiness: __, ...asked }: Limits,
  policy: HostConfig["RestartPolicy"] | undefined,
): HostConfig {
  const said = Object.entries(asked).filter(
    ([, value]) => value !== 0 && value !== "" && !(Array.isArray(value) && value.length === 0),
  );
  return {
    ...present,
    ...Object.fromEntries(said),
    ...(PidsLimit !== null && { PidsLimit }),
    ...(policy?.Name && { RestartPolicy: policy }),
  };
}

interface Change {
  readonly resources: Partial<Resources>;
  readonly liftsPids: boolean;
}

/** The parts of what a container is limited by that are asked about, each whole: half of one would mean something else. */
export function changeOf(updated: HostConfig, asked: Limits): Change {
  const wants = (...names: readonly (keyof Limits)[]) =>
    names.some((name) => asked[name] !== NO_LIMITS[name]);
  const { memory, cpu, blockIO, pids } = resourcesOf(updated, [], () => ({ major: 0, minor: 0 }));
  const resources: Partial<Resources> = {
    ...(memory && wants("Memory", "MemorySwap", "MemoryReservation", "KernelMemory") && { memory }),
    ...(cpu && wants("NanoCpus", "CpuShares", "CpuPeriod", "CpuQuota", ...CPU_REST) && { cpu }),
    ...(pids && wants("PidsLimit") && { pids }),
    ...(blockIO?.weight !== undefined && wants("BlkioWeight") && { blockIO: { weight: blockIO.weight } }),
  };
  return { resources, liftsPids: asked.PidsLimit !== null && asked.PidsLimit <= 0 };
}

const CPU_REST = ["CpuRealtimePeriod", "CpuRealtimeRuntime", "CpusetCpus", "CpusetMems"] as const;

/**
 * By the runtime, which knows how this machine's cgroups are written; but that there is no limit on processes, which
 * crun has no word for.
 * @throws internal; then all is as it was
 */
async function apply(context: Context, entry: Entry, run: Run, change: Change): Promise<() => Promise<void>> {
  const { id } = entry.container;
  const location = cgroupOf(entry);
  if (!location) throw internal(`Cannot update container ${id}: its cgroup is not found`);
  const kept = keepLimits(location);
  const file = join(run.bundle, "resources.json");
  // Should the engine end before the change is on record, the next one gives back what was.
  await context.store.commit([underway(id, "limits", Object.fromEntries(kept))]);
  const giveBack = async () => {
    giveBackLimits(kept);
    await orTell(context, entry, context.store.commit([over(id, "limits")]));
  };
  try {
    if (Object.keys(change.resources).length > 0) {
      writeFileSync(file, JSON.stringify(change.resources), { mode: 0o600 });
      await context.supervisor.update(id, file);
    }
    if (change.liftsPids) liftPidsLimit(location);
  } catch (thrown) {
    await giveBack();
    throw internal(`Cannot update container ${id}: ${messageOf(thrown)}`, thrown);
  } finally {
    await rm(file, { force: true });
  }
  return giveBack;
}
