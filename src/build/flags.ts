/** A request as the builder's command line: buildah-build(1). Pure. */
import type { BuildRequest } from "./types.ts";

/** Limits of RUN steps (sizes in bytes, without a unit: the runtime is handed them as they are), and what else the request says of how they run. */
export function requestFlags(request: BuildRequest, cached: boolean): string[] {
  const sized: readonly (readonly [string, number])[] = [
    ["--shm-size", request.shmSize],
    ["--memory", request.memory],
    ["--memory-swap", request.memorySwap],
    ["--cpu-shares", request.cpuShares],
    ["--cpu-period", request.cpuPeriod],
    ["--cpu-quota", request.cpuQuota],
  ];
  const named: readonly (readonly [string, string])[] = [
    ["--cpuset-cpus", request.cpusetCpus],
    ["--cpuset-mems", request.cpusetMems],
  ];
  return [
    ...sized.flatMap(([flag, value]) => (value === 0 ? [] : [flag, String(value)])),
    ...named.flatMap(([flag, value]) => (value === "" ? [] : [flag, value])),
    ...request.ulimits.flatMap(({ Name, Soft, Hard }) => ["--ulimit", `${Name}=${Soft}:${Hard}`]),
    ...Object.entries(request.buildArgs).flatMap(([name, value]) =>
      value === null ? [] : ["--build-arg", `${name}=${value}`],
    ),
    ...(cached ? [] : ["--no-cache"]),
    ...(request.platform === "" ? [] : ["--platform", request.platform]),
  ];
}

/** What every build is told. `layers`: each step is an image, found again by the next build. */
export const ALWAYS: readonly string[] = [
  "--isolation",
  "oci",
  "--format",
  "docker",
  "--layers",
  "--force-rm",
  "--pull-never",
  "--identity-label=false",
  "--skip-unused-stages=false",
  "--http-proxy=false",
];
