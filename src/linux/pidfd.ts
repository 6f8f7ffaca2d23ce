/** Processes held by descriptor, so that a recycled pid is never taken for them: pidfd_open(2). */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { declare, KernelError, lastErrno } from "./ffi.ts";
import { raise } from "./high-descriptor.ts";
import { statOf } from "./process.ts";

/** By number: older C libraries have no wrappers. The numbers are the same on all machines. */
const syscall = declare("int64 syscall(int64 number, int64 a, int64 b, void *c, int64 d)");
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;

/** struct pollfd { int fd; short events; short revents; } */
const poll = declare("int poll(void *fds, unsigned long count, int timeout)");
const POLLIN = 1;

const { EINTR, ESRCH } = constants.errno;

export class Pidfd {
  /** Readable once the process has ended: fit for the reactor. */
  readonly fd: number;
  readonly pid: number;
  #open = true;

  private constructor(fd: number, pid: number) {
    this.fd = fd;
    this.pid = pid;
  }

  /**
   * Hold the process that has this pid and started at `startTime`.
   * @returns undefined where it has gone, whoever has its pid now
   * @throws KernelError
   */
  static open(pid: number, startTime: string): Pidfd | undefined {
    const result = Number(syscall(SYS_pidfd_open, pid, 0, null, 0));
    if (result < 0) {
      const errno = lastErrno();
      if (errno === ESRCH) return undefined;
      throw new KernelError(`hold process ${pid}`, errno);
    }
    const held = new Pidfd(raise(result), pid);
    // Asked after opening: if the pid is still its own now, it was when it was opened.
    if (statOf(pid)?.startTime === startTime) return held;
    held.close();
    return undefined;
  }

  /** Whether it has ended, waited for or not. */
  get ended(): boolean {
    const pollfd = Buffer.alloc(8);
    new Int32Array(pollfd.buffer, pollfd.byteOffset, 1)[0] = this.fd;
    new Int16Array(pollfd.buffer, pollfd.byteOffset, 4)[2] = POLLIN;
    for (;;) {
      const ready = poll(pollfd, 1, 0);
      if (ready >= 0) return ready > 0;
      // A child's end comes as a signal to this very thread, and poll is not begun again after one (signal(7)).
      if (lastErrno() !== EINTR) throw new KernelError(`ask for process ${this.pid}`, lastErrno());
    }
  }

  /**
   * @returns false where it had ended
   * @throws KernelError; EINVAL for a number that is no signal
   */
  signal(number: number): boolean {
    if (!this.#open || this.ended) return false;
    if (syscall(SYS_pidfd_send_signal, this.fd, number, null, 0) >= 0) return true;
    const errno = lastErrno();
    if (errno === ESRCH) return false;
    throw new KernelError(`send signal ${number} to process ${this.pid}`, errno);
  }

  close(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}
