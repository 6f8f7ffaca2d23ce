/**
 * Which process is a container's first, as /proc tells it. No engine tells pids in its list, and asking for each
 * container costs a call each; but their monitors say in their command lines whose they are:
 * `conmon … --cid ID` (Drawbridge), `conmon … -c ID … -n NAME` (Podman), `containerd-shim-runc-v2 … -id ID` (Docker).
 */
import { readFileSync, statSync } from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { namesIn } from "../../lib/names-in.ts";
import { parseStat } from "../../linux/process.ts";

/** What is known of a process. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot. */
  readonly started: bigint;
  /** Of those that may be monitors: argv. */
  readonly command?: readonly string[];
  /** Of those as well: root's, and no process of a container's, which may call itself what it likes. */
  readonly trusted?: boolean;
}

export interface Monitor {
  readonly program: "conmon" | "containerd-shim";
  readonly container: string;
  /** Podman's `-n`. */
  readonly name?: string;
  /** Where conmon and the shim have the container's configuration: `-b`. */
  readonly bundle?: string;
  /** Of the container's first process; undefined while it is only being made. */
  readonly first?: number;
  /** False of one that anybody may have started: rootless Podman's, or somebody who plays conmon. */
  readonly trusted: boolean;
}

const MONITORS = /^(conmon|containerd-shim)/;

/** comm, and whatever else proc_pid_stat(5) has, of every process that can be seen. */
export function readProcesses(proc = "/proc"): readonly ProcessFacts[] {
  return namesIn(proc).flatMap((name): ProcessFacts[] => {
    if (!/^\d+$/.test(name)) return [];
    const text = readOfProcess(`${proc}/${name}/stat`);
    const stat = text === undefined ? undefined : parseStat(text);
    if (text === undefined || stat === undefined) return [];
    const facts = { pid: Number(name), parent: stat.parent, started: BigInt(stat.startTime) };
    const comm = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
    if (!MONITORS.test(comm)) return [facts];
    const command = readOfProcess(`${proc}/${name}/cmdline`)?.split("\0") ?? [];
    return [{ ...facts, command, trusted: isRoots(`${proc}/${name}`, proc) }];
  });
}

/** Of root, and among the processes that the reader is among. */
function isRoots(process: string, proc: string): boolean {
  try {
    const of = (path: string) => statSync(`${path}/ns/pid`).ino;
    return statSync(process).uid === 0 && of(process) === of(`${proc}/self`);
  } catch {
    return false; // gone, or hidden from whoever asks: nobody's word for it
  }
}

/** Processes go while they are looked at, and those of others may be hidden. */
function readOfProcess(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/** The monitors among the processes, of containers and not of what is run in them later. Pure. */
export function monitorsOf(processes: readonly ProcessFacts[]): readonly Monitor[] {
  const children = new Map<number, ProcessFacts>();
  for (const one of processes) {
    // A shim adopts what its container leaves behind: the first is the oldest.
    const oldest = children.get(one.parent);
    if (!oldest || one.started < oldest.started) children.set(one.parent, one);
  }
  return processes.flatMap((one) => {
    const monitor = one.command && readCommand(one.command);
    const first = children.get(one.pid)?.pid;
    return monitor
      ? [{ ...monitor, ...(first !== undefined && { first }), trusted: one.trusted === true }]
      : [];
  });
}

function readCommand(command: readonly string[]): Omit<Monitor, "first" | "trusted"> | undefined {
  const program = command[0]?.split("/").at(-1) ?? "";
  const value = (...flags: readonly string[]): string | undefined => {
    const at = command.findIndex((word) => flags.includes(word));
    return at < 0 ? undefined : command[at + 1];
  };
  if (program === "conmon") {
    if (command.some((word) => word === "-e" || word === "--exec")) return undefined;
    const container = value("-c", "--cid");
    const name = value("-n", "--name");
    const bundle = value("-b", "--bundle");
    return container
      ? { program, container, ...(name !== undefined && { name }), ...(bundle !== undefined && { bundle }) }
      : undefined;
  }
  if (!program.startsWith("containerd-shim")) return undefined;
  const container = value("-id", "--id");
  return container ? { program: "containerd-shim", container } : undefined;
}

export const trustedFirst = (monitors: readonly Monitor[]): readonly Monitor[] =>
  monitors.toSorted((a, b) => Number(b.trusted) - Number(a.trusted));

/** By container. Where several say that they have it, the trusted one does. */
export function firstProcesses(monitors: readonly Monitor[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { container, first } of trustedFirst(monitors)) {
    if (first !== undefined && !found.has(container)) found.set(container, first);
  }
  return found;
}
