/**
 * One epoll(7) that a thread waits on itself: for threads that do nothing but serve descriptors. `reactor.ts` is for
 * those that have Node's own loop to run, and waits on a thread of the pool.
 */
import { closeSync } from "node:fs";
import { arch, constants } from "node:os";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";

const sys = {
  epoll_create1: declare("int epoll_create1(int flags)"),
  epoll_ctl: declare("int epoll_ctl(int epfd, int op, int fd, void *event)"),
  epoll_wait: declare("int epoll_wait(int epfd, void *events, int maxevents, int timeout)"),
};

const CLOEXEC = 0o2000000;
const [EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD] = [1, 2, 3] as const;
const { EINTR } = constants.errno;

/** What is waited for. A hang-up or an error comes unasked. */
export const READABLE = 1; // EPOLLIN
export const WRITABLE = 4; // EPOLLOUT

/** struct epoll_event { uint32_t events; uint64_t data; }, packed on x86-64 alone. */
const EVENT_SIZE = arch() === "x64" ? 12 : 16;
const DATA_OFFSET = arch() === "x64" ? 4 : 8;
const EVENTS_PER_WAIT = 64;

/** Told whenever its descriptor is ready: it does a bounded piece of work and returns. */
export type OnReady = () => void;

export class Poller {
  readonly #epoll = check("make an epoll", sys.epoll_create1(CLOEXEC));
  readonly #events = Buffer.alloc(EVENT_SIZE * EVENTS_PER_WAIT);
  readonly #event = Buffer.alloc(EVENT_SIZE);
  /** By token, for a descriptor's number is used again while an event of the one before it may still be at hand. */
  readonly #watched = new Map<number, OnReady>();
  /** By descriptor. */
  readonly #tokens = new Map<number, number>();
  /** By descriptor, 1 while it was added. */
  readonly #added: Uint8Array | undefined;
  #lastToken = 0;

  /** @param added is kept true: as memory that another thread sees, it tells that one what this one has open */
  constructor(added?: Uint8Array) {
    this.#added = added;
    if (added) added[this.#epoll] = 1;
  }

  /** Watch `fd` until `remove`, level-triggered. @throws KernelError */
  add(fd: number, interest: number, onReady: OnReady): void {
    this.#lastToken = (this.#lastToken + 1) >>> 0;
    this.#control(EPOLL_CTL_ADD, fd, interest, this.#lastToken);
    this.#watched.set(this.#lastToken, onReady);
    this.#tokens.set(fd, this.#lastToken);
    if (this.#added) this.#added[fd] = 1;
  }

  /** Wait for something else: READABLE, WRITABLE, both or 0, which is errors alone. @throws KernelError */
  modify(fd: number, interest: number): void {
    const token = this.#tokens.get(fd);
    if (token !== undefined) this.#control(EPOLL_CTL_MOD, fd, interest, token);
  }

  /** Before the descriptor is closed, by its owner. @throws KernelError */
  remove(fd: number): void {
    const token = this.#tokens.get(fd);
    if (token === undefined) return;
    this.#tokens.delete(fd);
    this.#watched.delete(token);
    if (this.#added) this.#added[fd] = 0;
    this.#control(EPOLL_CTL_DEL, fd, 0, token);
  }

  /**
   * Sleep until something is ready, at most `timeout` milliseconds (-1: for ever), and call those that are.
   * @throws KernelError, and whatever they throw
   */
  wait(timeout: number): void {
    const ready: number = sys.epoll_wait(this.#epoll, this.#events, EVENTS_PER_WAIT, timeout);
    if (ready < 0 && lastErrno() !== EINTR) throw new KernelError("epoll_wait", lastErrno());
    for (let i = 0; i < ready; i += 1) {
      this.#watched.get(this.#events.readUInt32LE(i * EVENT_SIZE + DATA_OFFSET))?.();
    }
  }

  close(): void {
    this.#watched.clear();
    this.#tokens.clear();
    if (this.#added) this.#added[this.#epoll] = 0;
    closeSync(this.#epoll);
  }

  #control(op: number, fd: number, interest: number, token: number): void {
    this.#event.writeUInt32LE(interest, 0);
    this.#event.writeUInt32LE(token, DATA_OFFSET);
    check(`watch descriptor ${fd}`, sys.epoll_ctl(this.#epoll, op, fd, this.#event));
  }
}
