/**
 * Hears links go. The kernel announces a link's end (RTM_DELLINK, rtnetlink(7)) once the link is off every list
 * and no packet of it is under way: within 2 ms. Who asked for the deletion is held some 20 ms longer, until
 * references of others have gone (`netdev_run_todo`, net/core/dev.c), which changes nothing that can be seen.
 */
import { LITTLE_ENDIAN } from "./bytes.ts";
import { declare, KernelError } from "./ffi.ts";
import { MulticastSocket } from "./netlink/multicast.ts";
import { NETLINK_ROUTE } from "./netlink/socket.ts";
import { RTM_DELLINK, RTNLGRP_LINK } from "./rtnetlink/attributes.ts";
import { readLink } from "./rtnetlink/link.ts";
import { AF_UNSPEC } from "./socket-constants.ts";

const sys = {
  // struct pollfd { int fd; short events; short revents; }, poll(2)
  poll: declare("int poll(void *fds, unsigned long count, int milliseconds)"),
};

const POLLIN = 1;
/** Milliseconds after which it is looked whether anybody still waits. */
const TURN = 25;

/**
 * Call `gone` with the name of each link that goes from now on in the thread's namespace, until the function that is
 * returned is called. Announcements can be lost, or not be had at all: then nothing is told, so it is for those alone
 * who hear of the end in another way as well.
 */
export function followDepartures(gone: (name: string) => void): () => void {
  let following = true;
  const stop = () => {
    following = false;
  };
  let socket: MulticastSocket;
  try {
    socket = new MulticastSocket(NETLINK_ROUTE, [RTNLGRP_LINK]);
  } catch (thrown) {
    if (thrown instanceof KernelError) return stop;
    throw thrown;
  }
  const fds = new DataView(new ArrayBuffer(8));
  fds.setInt32(0, socket.fd, LITTLE_ENDIAN);
  fds.setInt16(4, POLLIN, LITTLE_ENDIAN);
  const wait = () => sys.poll.async(fds, 1, TURN, turn);
  const turn = () => {
    if (following && readDepartures(socket, gone)) wait();
    else socket.close();
  };
  wait();
  return stop;
}

/** @returns whether there can be more */
function readDepartures(socket: MulticastSocket, gone: (name: string) => void): boolean {
  for (;;) {
    const messages = socket.receive();
    if (messages === "later") return true;
    if (messages === "lost") return false;
    for (const { type, payload } of messages) {
      // A bridge tells of its ports in a family of its own, while the link is still there.
      if (type !== RTM_DELLINK || payload[0] !== AF_UNSPEC) continue;
      const name = readLink(payload)?.name;
      if (name !== undefined) gone(name);
    }
  }
}
