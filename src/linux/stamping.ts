/**
 * Has the kernel stamp all frames with the time at which they came or went (SO_TIMESTAMPNS, socket(7)). It does so while any
 * socket asks for it, and begins a little after the first asks, when a worker of its own gets to it
 * (net_enable_timestamp): a frame of before that is stamped when it is read.
 */
import { setTimeout as after } from "node:timers/promises";
import { check, declare } from "./ffi.ts";
import { raise } from "./high-descriptor.ts";
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET } from "./socket-constants.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
};

const SO_TIMESTAMPNS = 35;
/** Milliseconds that the worker is given. */
const A_LITTLE = 10;

let begun: Promise<unknown> | undefined;

/** From when the promise settles to the process's end: one descriptor stays open for it. @throws KernelError EMFILE */
export async function stampFrames(): Promise<void> {
  begun ??= begin();
  await begun;
}

function begin(): Promise<unknown> {
  const fd = raise(check("have frames stamped", sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  const asked = sys.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, Int32Array.of(1), 4);
  check("have frames stamped", asked);
  return after(A_LITTLE);
}
