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
import { exchangeSysctl } from "./sysctl.ts";

const LOOPBACK_INDEX = 1;

/** Settings of the new namespace, by key. */
type Sysctls = Readonly<Record<string, string>>;

/** A namespace with nothing in it but `lo`, up. Whoever has it closes both. */
export interface EmptyNamespace {
  readonly fd: number;
  readonly route: NetlinkSocket;
}

export class EmptyNamespaces {
  #reserve: { readonly namespace: EmptyNamespace; readonly sysctls: string } | undefined;

  /** One with these settings. @throws KernelError, invalid */
  take(sysctls: Sysctls): EmptyNamespace {
    if (this.#reserve?.sysctls !== JSON.stringify(sysctls)) return make(sysctls);
    const { namespace } = this.#reserve;
    this.#reserve = undefined;
    return namespace;
  }

  /** Have one with these settings in reserve. @throws KernelError, invalid */
  prepare(sysctls: Sysctls): void {
    if (this.#reserve?.sysctls === JSON.stringify(sysctls)) return;
    this.discard();
    this.#reserve = { namespace: make(sysctls), sysctls: JSON.stringify(sysctls) };
  }

  /** Give the reserve up. */
  discard(): void {
    if (this.#reserve) close(this.#reserve.namespace);
    this.#reserve = undefined;
  }
}

function make(sysctls: Sysctls): EmptyNamespace {
  const { fd, result: route } = makeNamespace(() => {
    for (const [key, value] of Object.entries(sysctls)) exchangeSysctl(key, value);
    return new NetlinkSocket(NETLINK_ROUTE);
  });
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
