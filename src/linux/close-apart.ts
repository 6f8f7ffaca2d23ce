/**
 * Descriptors closed on threads of libuv's pool: a packet socket's close, and that of a netlink socket that owns a table,
 * wait until no packet is on its way past them any more (synchronize_rcu), 10 ms each.
 */
import { declare } from "./ffi.ts";

const close = declare("int close(int fd)");

/** All at once; they must not be used any more. What close(2) says of an open descriptor is of no matter: it is gone. */
export async function closeApart(descriptors: readonly number[]): Promise<void> {
  const one = (fd: number) =>
    new Promise<void>((resolve, reject) =>
      close.async(fd, (error: Error | null) => (error ? reject(error) : resolve())),
    );
  await Promise.all(descriptors.map(one));
}
