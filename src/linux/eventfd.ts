/** A descriptor by which one thread wakes another from its wait: eventfd(2). */
import { check, declare } from "./ffi.ts";

const sys = {
  eventfd: declare("int eventfd(unsigned int initval, int flags)"),
  read: declare("int64 read(int fd, void *buf, uint64 count)"),
  write: declare("int64 write(int fd, const void *buf, uint64 count)"),
};

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** uint64_t, in the machine's order. */
const ONE = BigUint64Array.of(1n);
const count = new BigUint64Array(1);

/** An eventfd, which the caller closes. @throws KernelError */
export const openEventFd = (): number => check("make an eventfd", sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

/** Make it readable. One whose counter is full is readable already, so nothing can fail. */
export function signalEventFd(fd: number): void {
  sys.write(fd, ONE, 8);
}

/** Make it not readable any more, however often it was signalled. */
export function drainEventFd(fd: number): void {
  sys.read(fd, count, 8);
}
