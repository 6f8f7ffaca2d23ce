/**
 * New network namespaces, one of them in reserve: making one takes the kernel longer than all that an
 * attach does in it. The reserve has no name and no process; it goes with its descriptors.
 *
 * A namespace takes the IPv4 settings of links over from the initial one when it is made. So the reserve
 * is given up when the engine changes a setting of its own namespace.
 */
import { closeSync } from "node:fs";
import { NETLINK_ROUTE, NetlinkSocket } from "./netlink/socket.ts";
import { makeNamespace } from "./netns.ts";
import { changeLink } from "./rtnetlink/link.ts";

const LOOPBACK_INDEX = 1;

/** A namespace with nothing in it but `lo`, up. Whoever has it closes both. */
export interface EmptyNamespace {
  readonly fd: number;
  readonly route: NetlinkSocket;
}

export class EmptyNamespaces {
  #reserve: EmptyNamespace | undefined;

  /** @throws KernelError */
  take(): EmptyNamespace {
    const namespace = this.#reserve ?? make();
    this.#reserve = undefined;
    return namespace;
  }

  /** Have one in reserve. @throws KernelError */
  prepare(): void {
    this.#reserve ??= make();
  }

  /** Give the reserve up. */
  discard(): void {
    if (this.#reserve) close(this.#reserve);
    this.#reserve = undefined;
  }
}

function make(): EmptyNamespace {
  const { fd, result: route } = makeNamespace(() => new NetlinkSocket(NETLINK_ROUTE));
  const namespace = { fd, route };
  try {
    route.request(changeLink("set link lo up", { ifindex: LOOPBACK_INDEX, up: true }));
    return namespace;
  } catch (thrown) {
    close(namespace);
    throw thrown;
  }
}

function close({ fd, route }: EmptyNamespace): void {
  route.close();
  closeSync(fd);
}
