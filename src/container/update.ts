/** Limits and the restart policy of a container changed (Docker API, "Update a container"): all of it, or nothing. */
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { conflict, internal, messageOf } from "../lib/errors.ts";
import type { Entry, Run } from "./entry.ts";
import { type Limits, NO_LIMITS } from "./fitting.ts";
import { fitLimits } from "./limits.ts";
import type { Context } from "./options.ts";
import { type Resources, resourcesOf } from "./resources.ts";
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
    const limitsChange = Object.keys(limitsOf(updated, limits)).length > 0;
    const run = entry.active && limitsChange ? entry.run : undefined;
    if (run) await applied(context, entry, run, updated, limits, failed);
    try {
      await context.registry.save(entry, { hostConfig: updated });
    } catch (thrown) {
      entry.container = { ...entry.container, hostConfig };
      if (run) await applied(context, entry, run, hostConfig, limits, failed);
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
  // Without a limit on memory there is none on swap either: then any will do.
  const swap = present.MemorySwap > 0 || present.Memory > 0;
  if (asked.Memory !== 0 && asked.MemorySwap === 0 && swap && asked.Memory > present.MemorySwap) {
    if (present.MemorySwap !== -1) {
      return "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time";
    }
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

/** The parts of what a container is limited by that a change is about, whole: half of one would mean something else. */
function limitsOf(hostConfig: HostConfig, asked: Limits): Partial<Resources> {
  const whole = resourcesOf(hostConfig, [], () => ({ major: 0, minor: 0 }));
  const wants = (...names: readonly (keyof Limits)[]) =>
    names.some((name) => asked[name] !== NO_LIMITS[name]);
  const { memory, cpu, blockIO } = whole;
  return {
    ...(memory && wants("Memory", "MemorySwap", "MemoryReservation", "KernelMemory") && { memory }),
    ...(cpu &&
      wants(
        "NanoCpus",
        "CpuShares",
        "CpuPeriod",
        "CpuQuota",
        "CpuRealtimePeriod",
        "CpuRealtimeRuntime",
        "CpusetCpus",
        "CpusetMems",
      ) && { cpu }),
    ...(asked.PidsLimit !== null && { pids: { limit: asked.PidsLimit > 0 ? asked.PidsLimit : -1 } }),
    ...(blockIO?.weight !== undefined && wants("BlkioWeight") && { blockIO: { weight: blockIO.weight } }),
  };
}

/** By the runtime, which knows how this machine's cgroups are written. @throws internal with what it was before */
async function applied(
  context: Context,
  { container }: Entry,
  run: Run,
  wanted: HostConfig,
  asked: Limits,
  failed: string,
): Promise<void> {
  const give = async (hostConfig: HostConfig): Promise<void> => {
    const file = join(run.bundle, "resources.json");
    writeFileSync(file, JSON.stringify(limitsOf(hostConfig, asked)), { mode: 0o600 });
    try {
      await context.supervisor.update(container.id, file);
    } finally {
      await rm(file, { force: true });
    }
  };
  try {
    await give(wanted);
  } catch (thrown) {
    // It may have written some of it before it failed.
    await give(container.hostConfig).catch((again: unknown) => {
      context.logger.error({ container: container.id }, `give back its limits: ${messageOf(again)}`);
    });
    throw internal(`${failed}: ${messageOf(thrown)}`, thrown);
  }
}
