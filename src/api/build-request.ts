/** The parameters of a build, checked whole (Docker API, "Build an image"). */
import type { Readable } from "node:stream";
import type { BuildRequest } from "../build/types.ts";
import { invalid } from "../lib/errors.ts";
import { flag, wholeNumber } from "./query.ts";
import type { Query } from "./schema.ts";
import type { Minor } from "./version.ts";

export const ONCE = [
  "dockerfile",
  "q",
  "nocache",
  "pull",
  "rm",
  "forcerm",
  "memory",
  "memswap",
  "cpushares",
  "cpuperiod",
  "cpuquota",
  "cpusetcpus",
  "cpusetmems",
  "cgroupparent",
  "networkmode",
  "shmsize",
  "squash",
  "labels",
  "buildargs",
  "cachefrom",
  "ulimits",
  "target",
  "platform",
  "outputs",
  "isolation",
  "version",
  "remote",
  "session",
  "buildid",
] as const;
export const MANY = ["t", "extrahosts", "securityopt"] as const;

export type BuildQuery = Query<(typeof ONCE)[number]> &
  Readonly<Partial<Record<(typeof MANY)[number], string | readonly string[]>>>;

const listOf = (value: string | readonly string[] | undefined): readonly string[] =>
  typeof value === "string" ? [value] : (value ?? []);

/** As Go's flags may come: one text of several hosts, comma-separated, or several. */
const hostsOf = (value: BuildQuery["extrahosts"]): readonly string[] =>
  listOf(value).flatMap((text) => text.split(","));

/**
 * @param registryConfig X-Registry-Config, base64url JSON; what can't be read is no credentials, as with dockerd
 * @throws invalid, in Docker's words
 */
export function readBuildRequest(
  query: BuildQuery,
  registryConfig: string | undefined,
  context: Readable | undefined,
  minor: Minor,
): BuildRequest {
  refuse(query);
  const number = (name: (typeof ONCE)[number]) => lenientNumber(query[name]);
  const platform = minor >= 32 ? platformOf(query.platform ?? "") : "";
  return {
    ...(context && { context }),
    ...(query.remote && { remote: query.remote }),
    dockerfile: query.dockerfile || "Dockerfile",
    tags: listOf(query.t).filter((tag) => tag !== ""),
    buildArgs: mapOf(query.buildargs, "error reading build args", true),
    labels: mapOf(query.labels, "error reading labels", false),
    target: query.target ?? "",
    cacheFrom: textsOf(query.cachefrom, "error reading cache-from"),
    noCache: flag(query.nocache),
    pull: flag(query.pull),
    squash: false,
    platform,
    networkMode: query.networkmode ?? "",
    extraHosts: hostsOf(query.extrahosts),
    shmSize: wholeNumber("shmsize", query.shmsize) ?? 0,
    memory: number("memory"),
    memorySwap: number("memswap"),
    cpuShares: number("cpushares"),
    cpuPeriod: number("cpuperiod"),
    cpuQuota: number("cpuquota"),
    cpusetCpus: query.cpusetcpus ?? "",
    cpusetMems: query.cpusetmems ?? "",
    cgroupParent: query.cgroupparent ?? "",
    ulimits: ulimitsOf(query.ulimits),
    credentials: credentialsOf(registryConfig),
  };
}

function refuse(query: BuildQuery): void {
  // Words of a command line, as it is or once JSON is read.
  for (const [name, value] of Object.entries(query)) {
    if (listOf(value).some((text) => /\0|\\u0000/.test(text))) throw invalid(`a NUL byte in ${name}`);
  }
  if (listOf(query.securityopt).length > 0) throw invalid("security options are not supported on linux");
  if (flag(query.squash)) throw invalid("squash is only supported with experimental mode");
  const { version = "", isolation = "", remote } = query;
  if (version !== "" && version !== "1" && version !== "2") {
    throw invalid(`invalid version ${JSON.stringify(version)}`);
  }
  if (version === "2") {
    throw invalid("BuildKit is not built in: set DOCKER_BUILDKIT=0, or docker buildx create --use");
  }
  if (!["", "default"].includes(isolation.toLowerCase())) {
    throw invalid(`unsupported isolation: ${JSON.stringify(isolation)}`);
  }
  if (remote === "client-session") {
    throw invalid(
      "experimental session with v1 builder is no longer supported, use builder version v2 (BuildKit) instead",
    );
  }
}

/** dockerd's Int64ValueOrZero. */
const lenientNumber = (text: string | undefined): number =>
  /^[-+]?\d{1,15}$/.test(text ?? "") ? Number(text) : 0;

function parsed(text: string | undefined, what: string): unknown {
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw invalid(`${what}: ${thrown instanceof Error ? thrown.message : thrown}`, thrown);
  }
}

function mapOf<Nullable extends boolean>(
  text: string | undefined,
  what: string,
  nullable: Nullable,
): Record<string, Nullable extends true ? string | null : string> {
  const value = parsed(text, what) ?? {};
  const fits = (each: unknown) => typeof each === "string" || (nullable && each === null);
  if (typeof value !== "object" || Array.isArray(value) || !Object.values(value).every(fits)) {
    throw invalid(`${what}: json: an object of strings is expected`);
  }
  return Object.fromEntries(Object.entries(value));
}

function textsOf(text: string | undefined, what: string): readonly string[] {
  const value = parsed(text, what) ?? [];
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string")) {
    throw invalid(`${what}: json: an array of strings is expected`);
  }
  return value;
}

function ulimitsOf(text: string | undefined): BuildRequest["ulimits"] {
  const value = parsed(text, "error reading ulimit settings") ?? [];
  if (!Array.isArray(value)) throw invalid("error reading ulimit settings: json: an array is expected");
  return value.map((each: unknown) => {
    const { Name, Soft, Hard } = (each ?? {}) as Record<string, unknown>;
    if (typeof Name !== "string" || typeof Soft !== "number" || typeof Hard !== "number") {
      throw invalid("error reading ulimit settings: each has Name, Soft and Hard");
    }
    return { Name, Soft, Hard };
  });
}

const SYSTEM = /^[a-z0-9_.-]+(?:\/[a-z0-9_.-]+){1,2}$/;
const KNOWN: Readonly<Record<string, string>> = {
  linux: "",
  amd64: "linux/amd64",
  x86_64: "linux/amd64",
  "x86-64": "linux/amd64",
  arm64: "linux/arm64",
  aarch64: "linux/arm64",
  arm: "linux/arm/v7",
  armhf: "linux/arm/v7",
  armel: "linux/arm/v6",
  386: "linux/386",
  i386: "linux/386",
  ppc64le: "linux/ppc64le",
  s390x: "linux/s390x",
  riscv64: "linux/riscv64",
};

/** @throws invalid, as containerd's platforms has it */
function platformOf(text: string): string {
  const lower = text.toLowerCase();
  if (lower === "") return "";
  const known = Object.hasOwn(KNOWN, lower) ? KNOWN[lower] : undefined;
  if (known !== undefined) return known;
  if (!lower.includes("/")) {
    throw invalid(`${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`);
  }
  if (!SYSTEM.test(lower)) {
    throw invalid(
      `${JSON.stringify(text)} is an invalid component of ${JSON.stringify(text)}: invalid argument`,
    );
  }
  if (!lower.startsWith("linux/")) throw invalid(`operating system is not supported: ${lower.split("/")[0]}`);
  return lower;
}

function credentialsOf(header: string | undefined): BuildRequest["credentials"] {
  if (!header) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(header, "base64url").toString());
    if (typeof value !== "object" || value === null) return {};
    return Object.fromEntries(
      Object.entries(value).map(([address, each]: [string, Record<string, unknown> | null]) => [
        address,
        credentialOf(each ?? {}, address),
      ]),
    );
  } catch {
    return {}; // as dockerd: an image that needs none is pulled all the same
  }
}

function credentialOf(each: Record<string, unknown>, address: string) {
  const text = (name: string) =>
    typeof each[name] === "string" && each[name] !== "" ? each[name] : undefined;
  const [username, password] = [text("username"), text("password")];
  const [identityToken, registryToken] = [text("identitytoken"), text("registrytoken")];
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(identityToken !== undefined && { identityToken }),
    ...(registryToken !== undefined && { registryToken }),
    serverAddress: text("serveraddress") ?? address,
  };
}
