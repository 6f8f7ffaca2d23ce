/** A tmpfs's options: of `--tmpfs`, and of a mount of that type (Docker API, HostConfig Tmpfs and TmpfsOptions). */
import { invalid } from "../../lib/errors.ts";
import type { MountRequest } from "../types.ts";
import { cleanPath, isPropagation } from "./words.ts";

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

/** As the kernel's memparse takes a number: hexadecimal, octal or decimal, with a unit or none. */
const MEMORY = "(0x[0-9a-f]+|[0-9]+)[kmgtpe]?";
const isId = (text: string): boolean => /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1;
const is = (pattern: RegExp) => (text: string) => pattern.test(text);

/** What may be said of each (tmpfs(5); Linux, mm/shmem.c). Whether a kernel has huge pages or nodes is its own to say. */
const VALUES: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ["size", is(new RegExp(`^${MEMORY}%?$`, "i"))],
  ["nr_blocks", is(new RegExp(`^${MEMORY}$`, "i"))],
  ["nr_inodes", is(new RegExp(`^${MEMORY}$`, "i"))],
  ["mode", is(/^[0-7]{1,10}$/)],
  ["uid", isId],
  ["gid", isId],
  ["huge", is(/^(never|always|within_size|advise)$/)],
  [
    "mpol",
    is(/^(default|local|(prefer|bind|interleave|prefer \(many\)|weighted interleave)(=\w+)?(:[\d-]+)?)$/),
  ],
]);

/** Docker's defaults for a tmpfs with the user's options over them. @throws invalid in Docker's words */
export function tmpfsOptions(options: string): readonly string[] {
  const merged = new Map<string, string>(["noexec", "nosuid", "nodev"].map((flag) => [flag, flag]));
  for (const option of options.split(",").filter(Boolean)) {
    const at = option.indexOf("=");
    const key = at < 0 ? option : option.slice(0, at);
    const opposite = FLAGS.get(option);
    if (opposite !== undefined) merged.delete(opposite);
    else if (!isPropagation(option) && !(at >= 0 && VALUES.get(key)?.(option.slice(at + 1)))) {
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

/** Largest first, so that a number that is one of them evenly is written with it. */
const UNITS = [
  ["g", 2 ** 30],
  ["m", 2 ** 20],
  ["k", 2 ** 10],
] as const;

function sizeText(bytes: number): string {
  const [suffix, divisor] = UNITS.find(([, unit]) => bytes % unit === 0) ?? ["", 1];
  return `${bytes / divisor}${suffix}`;
}

/** `SizeBytes`, `Mode` and `Options` as mount(8) has them: `ro,mode=1777,size=64m,exec`. @throws invalid */
export function tmpfsText({ TmpfsOptions, ReadOnly }: MountRequest): string {
  const { Mode, SizeBytes, Options } = TmpfsOptions ?? {};
  return [
    ...(ReadOnly ? ["ro"] : []),
    ...(Mode ? [`mode=${Mode.toString(8)}`] : []),
    ...(SizeBytes ? [`size=${sizeText(SizeBytes)}`] : []),
    ...(Options ?? []).map(tmpfsWord),
  ].join(",");
}

function tmpfsWord(words: readonly string[]): string {
  const [name = ""] = words;
  if (words.length < 1 || words.length > 2) throw invalid("invalid option array length");
  if (name !== "exec" && name !== "noexec") throw invalid(`invalid option: ${name}`);
  return words.join("=");
}
