/**
 * One epoll(7) for the descriptors that Node can't serve: SEQPACKET sockets, pidfds. The wait happens on a
 * thread of libuv's pool; callbacks run on the caller's thread, where they read and write without blocking.
 */
import { closeSync } from "node:fs";
import { arch, constants } from "node:os";
import process from "node:process";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";

const sys = {
  epoll_create1: declare("int epoll_create1(int flags)"),
  epoll_ctl: declare("int epoll_ctl(int epfd, int op, int fd, void *event)"),
  epoll_wait: declare("int epoll_wait(int epfd, void *events, int maxevents, int timeout)"),
  eventfd: declare("int eventfd(unsigned int initval, int flags)"),
  read: declare("int64 read(int fd, void *buf, uint64 count)"),
  write: declare("int64 write(int fd, void *buf, uint64 count)"),
};

const CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const [EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD] = [1, 2, 3] as const;
const [EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP] = [1, 4, 8, 16] as const;
const { EINTR } = constants.errno;

/** struct epoll_event { uint32_t events; uint64_t data; }, packed on x86-64 alone. */
const EVENT_SIZE = arch() === "x64" ? 12 : 16;
const DATA_OFFSET = arch() === "x64" ? 4 : 8;
/** At most so many descriptors are served before Node has its turn. */
const EVENTS_PER_TURN = 64;

/** The eventfd's token; those of watches count from 1. */
const WAKE = 0;

export interface Interest {
  readonly readable: boolean;
  readonly writable: boolean;
}

/** What a descriptor is ready for. Both after an error or a hang-up: the next call tells. */
export type Ready = Interest;

export interface Watch {
  /** Change what is waited for. */
  expect(interest: Interest): void;
  /** Wait no more. Before the descriptor is closed, by its owner. */
  close(): void;
}

interface Entry {
  readonly fd: number;
  readonly onReady: (ready: Ready) => void;
}

export class Reactor {
  readonly #epoll: number;
  readonly #wake: number;
  readonly #events = Buffer.alloc(EVENT_SIZE * EVENTS_PER_TURN);
  readonly #entries = new Map<number, Entry>();
  readonly #onError: (error: unknown) => void;
  #nextToken = WAKE + 1;
  #waiting = false;
  #closed: (() => void) | undefined;
  /** `process.exit` waits for the pool's threads, so one that sits in epoll_wait must be woken first. */
  readonly #atExit = () => this.#signal();

  /** @param onError hears what callbacks throw */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
    this.#epoll = check("make an epoll", sys.epoll_create1(CLOEXEC));
    this.#wake = check("make an eventfd", sys.eventfd(0, CLOEXEC | EFD_NONBLOCK));
    this.#control(EPOLL_CTL_ADD, this.#wake, WAKE, { readable: true, writable: false });
    process.on("exit", this.#atExit);
  }

  /**
   * Have `onReady` called whenever `fd` is ready, again and again until it isn't (level-triggered): it does a
   * bounded piece of work and returns. The process stays alive while anything is watched.
   */
  watch(fd: number, interest: Interest, onReady: (ready: Ready) => void): Watch {
    if (this.#closed) throw new Error("the reactor is closed");
    const token = this.#nextToken;
    this.#nextToken += 1;
    this.#entries.set(token, { fd, onReady });
    // A hang-up is told whether it is asked for or not, so a descriptor of which nothing is expected is taken out.
    let present = false;
    const expect = ({ readable, writable }: Interest) => {
      const wanted = readable || writable;
      if (wanted) this.#control(present ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, token, { readable, writable });
      else if (present) this.#control(EPOLL_CTL_DEL, fd, token, { readable, writable });
      present = wanted;
    };
    expect(interest);
    this.#wait();
    return {
      expect: (changed) => {
        if (this.#entries.has(token)) expect(changed);
      },
      close: () => {
        if (!this.#entries.delete(token)) return;
        expect({ readable: false, writable: false });
        if (this.#entries.size === 0) this.#signal(); // nothing to wait for: let the process end
      },
    };
  }

  /** Serve nobody any more. Descriptors stay their owners'. */
  async close(): Promise<void> {
    if (this.#closed) return;
    process.off("exit", this.#atExit);
    this.#entries.clear();
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
      if (this.#waiting) this.#signal();
      else resolve();
    });
    closeSync(this.#epoll);
    closeSync(this.#wake);
  }

  #wait(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const waited = (error: unknown, count: number) => {
      this.#waiting = false;
      if (error) this.#onError(error);
      this.#serve(count);
      if (this.#closed) this.#closed();
      else if (this.#entries.size > 0) this.#wait();
    };
    sys.epoll_wait.async(this.#epoll, this.#events, EVENTS_PER_TURN, -1, waited);
  }

  /** The errno of an asynchronous call stays on its thread: a failed wait is asked again, here, without waiting. */
  #serve(count: number): void {
    const ready = count >= 0 ? count : sys.epoll_wait(this.#epoll, this.#events, EVENTS_PER_TURN, 0);
    if (ready < 0 && lastErrno() !== EINTR) throw new KernelError("epoll_wait", lastErrno());
    const view = new DataView(this.#events.buffer, this.#events.byteOffset, this.#events.length);
    for (let i = 0; i < ready; i += 1) {
      const bits = view.getUint32(i * EVENT_SIZE, true);
      const token = view.getUint32(i * EVENT_SIZE + DATA_OFFSET, true);
      if (token === WAKE) sys.read(this.#wake, Buffer.alloc(8), 8);
      else this.#call(token, bits);
    }
  }

  /** A callback before it in the same turn may have closed this one's watch: then the token is unknown. */
  #call(token: number, bits: number): void {
    const broken = (bits & (EPOLLERR | EPOLLHUP)) !== 0;
    const ready = { readable: broken || (bits & EPOLLIN) !== 0, writable: broken || (bits & EPOLLOUT) !== 0 };
    try {
      this.#entries.get(token)?.onReady(ready);
    } catch (error) {
      this.#onError(error);
    }
  }

  #control(op: number, fd: number, token: number, interest: Interest): void {
    const event = Buffer.alloc(EVENT_SIZE);
    event.writeUInt32LE((interest.readable ? EPOLLIN : 0) | (interest.writable ? EPOLLOUT : 0), 0);
    event.writeUInt32LE(token, DATA_OFFSET);
    check(`watch descriptor ${fd}`, sys.epoll_ctl(this.#epoll, op, fd, event));
  }

  #signal(): void {
    const one = Buffer.alloc(8);
    new BigUint64Array(one.buffer, one.byteOffset, 1)[0] = 1n;
    sys.write(this.#wake, one, 8);
  }
}
