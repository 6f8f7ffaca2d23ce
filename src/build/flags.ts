/** A request as the builder's command line: buildah-build(1). Pure. */
import type { Instruction } from "./dockerfile.ts";
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
      value === null ? [] : ["--build-arg", isUntold(name) ? name : `${name}=${value}`],
    ),
    ...Object.entries(request.labels).flatMap(([name, value]) =>
      isOneLine(name + value) ? [] : ["--label", `${name}=${value}`],
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

/** What can stand in a Dockerfile. */
export const isOneLine = (text: string): boolean => !/[\r\n]/.test(text);

/** Names that mean something to the builder itself, to the programs that start it, or to those that it starts. */
const MEANT =
  /^(_|PATH$|HOME$|USER$|SHELL$|IFS$|ENV$|TMPDIR$|LANG|LC_|LD_|GLIBC_|MALLOC_|GCONV_|LOCPATH|NLSPATH|TZ|RES_OPTIONS|HOSTALIASES|LOCALDOMAIN|GO|CONTAINER|REGISTR|STORAGE_|BUILDAH|DOCKER_|XDG_|SSL_CERT|LISTEN_|NOTIFY_SOCKET|SOURCE_DATE_EPOCH|CRUN|RUNC|LIBCONTAINER|OCI_)/;

/** Whether a build argument's value is the builder's to look up in its surroundings: every user can read a command line. */
const isUntold = (name: string): boolean => /^[A-Za-z]\w*$/.test(name) && !MEANT.test(name);

/** Values of build arguments that `requestFlags` only names. */
export function untoldArguments({ buildArgs }: Pick<BuildRequest, "buildArgs">): Record<string, string> {
  return Object.fromEntries(
    Object.entries(buildArgs).flatMap(([name, value]) =>
      value !== null && isUntold(name) ? [[name, value]] : [],
    ),
  );
}

/** Arguments that no Dockerfile need declare (Dockerfile reference, "Predefined ARGs"); buildah knows these eight. */
const PROXIES = ["HTTP", "HTTPS", "FTP", "NO"].flatMap((of) => [`${of}_PROXY`, `${of.toLowerCase()}_proxy`]);

/**
 * Proxies that the request names and the Dockerfile does not: RUN steps see them, and neither the image's history nor
 * the cache does. So they are no build arguments for the builder, but its own surroundings, which it hands on.
 * @returns the rest of the request; the surroundings, in which those that it would hand on unasked are undefined
 */
export function withoutProxies(
  request: BuildRequest,
  instructions: readonly Instruction[],
): { readonly rest: BuildRequest; readonly surroundings: Readonly<Record<string, string | undefined>> } {
  const declared = new Set(
    instructions
      .filter(({ keyword }) => keyword === "ARG")
      .flatMap(({ rest }) => rest.split(/\s+/).map((word) => word.split("=", 1)[0] ?? "")),
  );
  const { buildArgs } = request;
  const named = PROXIES.filter((name) => typeof buildArgs[name] === "string" && !declared.has(name));
  if (named.length === 0) return { rest: request, surroundings: {} };
  const own = Object.entries(buildArgs).filter(([name]) => !named.includes(name));
  return {
    rest: { ...request, buildArgs: Object.fromEntries(own) },
    surroundings: Object.fromEntries(
      PROXIES.map((name) => [name, named.includes(name) ? (buildArgs[name] ?? undefined) : undefined]),
    ),
  };
}
