/**
 * Programs started by posix_spawn(3), which borrows the engine's memory until the program is there. Node's own
 * spawn copies the engine's page tables for it: 2 to 10 ms in which nothing else is done, against 0.25.
 */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { raise } from "./high-descriptor.ts";
import { Pidfd } from "./pidfd.ts";
import { statOf } from "./process.ts";
import type { Reactor } from "./reactor.ts";

const sys = {
  spawn: declare(
    "int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)",
  ),
  actionsInit: declare("int posix_spawn_file_actions_init(void *actions)"),
  actionsDestroy: declare("int posix_spawn_file_actions_destroy(void *actions)"),
  addOpen: declare(
    "int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, uint32_t mode)",
  ),
  addDup2: declare("int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)"),
  addChdir: declare("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)"),
  addCloseFrom: declare("int posix_spawn_file_actions_addclosefrom_np(void *actions, int from)"),
  attributesInit: declare("int posix_spawnattr_init(void *attributes)"),
  attributesDestroy: declare("int posix_spawnattr_destroy(void *attributes)"),
  setFlags: declare("int posix_spawnattr_setflags(void *attributes, short flags)"),
  setDefault: declare("int posix_spawnattr_setsigdefault(void *attributes, const void *set)"),
  setMask: declare("int posix_spawnattr_setsigmask(void *attributes, const void *set)"),
  pipe2: declare("int pipe2(int *ends, int flags)"),
  waitpid: declare("int waitpid(int pid, _Out_ int *status, int options)"),
};

/** spawn.h. */
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const O_RDWR = 2;
const O_CLOEXEC = 0o2000000;
const WNOHANG = 1;
const { ECHILD } = constants.errno;

/** More than glibc's posix_spawn_file_actions_t (80) and posix_spawnattr_t (336) have on any machine. */
const OPAQUE = 512;
/** sigset_t: 1,024 bits. */
const EVERY_SIGNAL = new Uint8Array(128).fill(0xff);
const NO_SIGNAL = new Uint8Array(128);

export interface Program {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  /** The engine's own where absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** A session of its own: the terminal's signals are not for it, setsid(2). */
  readonly session?: boolean;
  /** What it has as descriptors 0, 1 …: one of ours, or /dev/null. Everything else is closed. */
  readonly descriptors: readonly (number | "null")[];
}

export interface Child {
  readonly pid: number;
  /** Its exit status; 128 + the signal's number for one that a signal ended. Never rejects, and is never told after `release`. */
  readonly ended: Promise<number>;
  /** Let it go on, and hear no more of it. */
  release(): void;
}

/** Start a program, whose end the reactor hears. @throws KernelError where it can't be run (ENOENT, EACCES …) */
export function spawnProgram(reactor: Reactor, program: Program): Child {
  const pid = spawn(program);
  // Not waited for yet, so the pid is its own, even if it has ended.
  const held = Pidfd.open(pid, statOf(pid)?.startTime ?? "");
  const ended = Promise.withResolvers<number>();
  if (!held) {
    ended.resolve(reap(pid));
    return { pid, ended: ended.promise, release: () => {} };
  }
  const release = () => {
    watch.close();
    held.close();
  };
  const watch = reactor.watch(held.fd, { readable: true, writable: false }, () => {
    release();
    ended.resolve(reap(pid));
  });
  return { pid, ended: ended.promise, release };
}

function spawn({ path, args, env = process.env, cwd, session, descriptors }: Program): number {
  const what = `run ${path}`;
  const [actions, attributes] = [new Uint8Array(OPAQUE), new Uint8Array(OPAQUE)];
  must(what, sys.actionsInit(actions));
  must(what, sys.attributesInit(attributes));
  try {
    if (cwd !== undefined) must(what, sys.addChdir(actions, cwd));
    for (const [number, given] of descriptors.entries()) {
      if (given === "null") must(what, sys.addOpen(actions, number, "/dev/null", O_RDWR, 0));
      else must(what, sys.addDup2(actions, given, number));
    }
    must(what, sys.addCloseFrom(actions, descriptors.length));
    // Node ignores SIGPIPE, and programs would inherit that.
    must(what, sys.setDefault(attributes, EVERY_SIGNAL));
    must(what, sys.setMask(attributes, NO_SIGNAL));
    const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (session ? POSIX_SPAWN_SETSID : 0);
    must(what, sys.setFlags(attributes, flags));
    const pid: [number] = [0];
    const variables = Object.entries(env).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    );
    must(what, sys.spawn(pid, path, actions, attributes, [path, ...args, null], [...variables, null]));
    return pid[0];
  } finally {
    sys.actionsDestroy(actions);
    sys.attributesDestroy(attributes);
  }
}

/** These functions return an errno instead of setting it. */
function must(what: string, errno: number): void {
  if (errno !== 0) throw new KernelError(what, errno);
}

/** waitpid(2): the status of a child that has ended. Somebody else's wait for all children may have come first. */
function reap(pid: number): number {
  const status: [number] = [0];
  if (sys.waitpid(pid, status, WNOHANG) < 0 && lastErrno() !== ECHILD)
    throw new KernelError(`wait for process ${pid}`, lastErrno());
  const signal = status[0] & 0x7f;
  return signal === 0 ? (status[0] >> 8) & 0xff : 128 + signal;
}

/** pipe(7), both ends of which are closed in programs that are not given them. */
export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** @param ours the end that stays here. The other one gets a number that no program's descriptors collide with. @throws KernelError */
export function openPipe(ours: keyof Pipe): Pipe {
  const ends = new Int32Array(2);
  check("make a pipe", sys.pipe2(ends, O_CLOEXEC));
  const [read = -1, write = -1] = ends;
  return ours === "read" ? { read, write: raise(write) } : { read: raise(read), write };
}

export const closePipe = ({ read, write }: Pipe): void => {
  closeSync(read);
  closeSync(write);
};
