/** `-v source:destination[:options]` and `--tmpfs` (Docker API, HostConfig Binds and Tmpfs). */
import { posix } from "node:path";
import { invalid, notBuiltIn } from "../lib/errors.ts";

export interface Bind {
  readonly source: string;
  readonly destination: string;
  readonly readonly: boolean;
  /** mount_namespaces(7). */
  readonly propagation: Propagation;
  /** `bind-nonrecursive`: without the mounts below the source. */
  readonly recursive: boolean;
}

const PROPAGATIONS = ["private", "rprivate", "shared", "rshared", "slave", "rslave"] as const;
export type Propagation = (typeof PROPAGATIONS)[number];

const isPropagation = (text: string): text is Propagation => PROPAGATIONS.some((known) => known === text);

/**
 * The labels `z` and `Z` ask for SELinux contexts; where there is no SELinux they mean nothing, to Docker as
 * well. `nocopy` and the consistency words are about volumes and about Macs.
 */
const MEANINGLESS = ["z", "Z", "nocopy", "consistent", "cached", "delegated"];

/** @throws invalid in Docker's words; not-built-in for a named volume */
export function parseBind(text: string): Bind {
  const parts = text.split(":");
  const [source = "", destination = "", options = ""] = parts;
  if (parts.length > 3 || source === "" || destination === "") {
    throw invalid(`invalid volume specification: '${text}'`);
  }
  if (!destination.startsWith("/")) {
    throw invalid(
      `invalid volume specification: '${text}': invalid mount config for type "bind": ` +
        `invalid mount path: '${destination}' mount path must be absolute`,
    );
  }
  const clean = cleanPath(destination);
  if (clean === "/") {
    throw invalid(`invalid volume specification: '${text}': invalid specification: destination can't be '/'`);
  }
  if (!source.startsWith("/")) {
    if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source)) {
      throw notBuiltIn(`Binds: ${text}: named volumes are not built in; give an absolute path as the source`);
    }
    throw invalid(
      `invalid volume specification: '${text}': "${source}" includes invalid characters for a local volume name, ` +
        'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    );
  }
  return { source: cleanPath(source), destination: clean, ...parseOptions(options, text) };
}

function parseOptions(options: string, text: string): Omit<Bind, "source" | "destination"> {
  let readonly: boolean | undefined;
  let propagation: Propagation | undefined;
  let recursive = true;
  for (const option of options.split(",").filter(Boolean)) {
    if ((option === "ro" || option === "rw") && readonly === undefined) readonly = option === "ro";
    else if (isPropagation(option) && propagation === undefined) propagation = option;
    else if (option === "bind-nonrecursive") recursive = false;
    else if (!MEANINGLESS.includes(option)) {
      throw invalid(`invalid volume specification: '${text}': invalid mode: ${options}`);
    }
  }
  return { readonly: readonly ?? false, propagation: propagation ?? "rprivate", recursive };
}

/** Without `.`, `..`, doubled or trailing slashes. */
export const cleanPath = (path: string): string => posix.normalize(path).replace(/(.)\/$/, "$1");

/** @throws invalid where two of them have one destination, in Docker's words */
export function checkDestinations(binds: readonly Bind[], tmpfs: readonly string[]): void {
  const seen = new Set<string>();
  for (const destination of [...binds.map((bind) => bind.destination), ...tmpfs.map(cleanPath)]) {
    if (seen.has(destination)) throw invalid(`Duplicate mount point: ${destination}`);
    seen.add(destination);
  }
}

/** A flag and the one that takes it back. */
const OPPOSITES: Readonly<Record<string, string>> = {
  rw: "ro",
  exec: "noexec",
  suid: "nosuid",
  dev: "nodev",
  atime: "noatime",
  diratime: "nodiratime",
  relatime: "norelatime",
  strictatime: "nostrictatime",
  async: "sync",
};
const FLAGS = new Map([
  ...Object.entries(OPPOSITES),
  ...Object.entries(OPPOSITES).map(([yes, no]): [string, string] => [no, yes]),
]);

/** tmpfs(5). */
const VALUES = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"];

/** Docker's defaults for a tmpfs with the user's options over them. @throws invalid in Docker's words */
export function tmpfsOptions(options: string): readonly string[] {
  const merged = new Map<string, string>(["noexec", "nosuid", "nodev"].map((flag) => [flag, flag]));
  for (const option of options.split(",").filter(Boolean)) {
    const key = option.split("=", 1)[0] ?? option;
    const opposite = FLAGS.get(option);
    if (opposite !== undefined) merged.delete(opposite);
    else if (!isPropagation(option) && !(VALUES.includes(key) && option.includes("="))) {
      throw invalid(`invalid tmpfs option ["${option}"]`);
    }
    merged.set(key, option);
  }
  return [...merged.values()];
}

/** @throws invalid in Docker's words */
export function checkTmpfs(tmpfs: Readonly<Record<string, string>>): void {
  for (const [destination, options] of Object.entries(tmpfs)) {
    if (!destination.startsWith("/")) {
      throw invalid(`invalid mount path: '${destination}' mount path must be absolute`);
    }
    if (cleanPath(destination) === "/") throw invalid("invalid specification: destination can't be '/'");
    tmpfsOptions(options);
  }
}
