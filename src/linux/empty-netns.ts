/**
 * New network namespaces, one of them in reserve: making one takes the kernel longer than all that an
 * attach does in it. The reserve has no name and no process; it goes with its descriptors.
 *
 * A namespace takes the IPv4 settings of links over from the initial one when it is made. So the reserve
 * is given up when the engine changes a setting of its own namespace.
 */
import { closeSync } from "node:fs";
import { jsonKey } from "../lib/json-key.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from "./netlink/socket.ts";
import { makeNamespace } from "./netns.ts";
import { addRewrites } from "./nftables/rewrite.ts";
import { TRANSACTION } from "./nftables/transaction.ts";
import type { PortRewrites } from "./plan.ts";
import { changeLink } from "./rtnetlink/link.ts";
import { exchangeSysctl } from "./sysctl.ts";

const LOOPBACK_INDEX = 1;

/** What all namespaces of a kind have from the start. */
export interface NamespaceKind {
  /** Settings of the new namespace, by key. */
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly rewrites?: PortRewrites;
}

/** A namespace with nothing in it but `lo`, up. Whoever has it closes both. */
export interface EmptyNamespace {
  readonly fd: number;
  readonly route: NetlinkSocket;
}

export class EmptyNamespaces {
  #reserve: { readonly namespace: EmptyNamespace; readonly kind: string } | undefined;

  /** One of this kind; `what` names it in errors. @throws KernelError; invalid for a sysctl's key */
  take(what: string, kind: NamespaceKind): EmptyNamespace {
    if (this.#reserve?.kind !== keyOf(kind)) return make(what, kind);
    const { namespace } = this.#reserve;
    this.#reserve = undefined;
    return namespace;
  }

  /** Have one of this kind in reserve. @throws as `take` */
  prepare(kind: NamespaceKind): void {
    if (this.#reserve?.kind === keyOf(kind)) return;
    this.discard();
    this.#reserve = { namespace: make("prepare a network namespace", kind), kind: keyOf(kind) };
  }

  /** Give the reserve up. */
  discard(): void {
    if (this.#reserve) close(this.#reserve.namespace);
    this.#reserve = undefined;
  }
}

const keyOf = ({ sysctls = {}, rewrites }: NamespaceKind): string => jsonKey([sysctls, rewrites]);

function make(what: string, { sysctls = {}, rewrites }: NamespaceKind): EmptyNamespace {
  const { fd, result: route } = makeNamespace(() => {
    for (const [key, value] of Object.entries(sysctls)) exchangeSysctl(key, value);
    if (rewrites) load(what, rewrites);
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

/** Into the firewall of the namespace that the thread is in. */
function load(what: string, rewrites: PortRewrites): void {
  const netfilter = new NetlinkSocket(NETLINK_NETFILTER);
  try {
    netfilter.batch(addRewrites(what, rewrites), TRANSACTION);
  } finally {
    netfilter.close();
  }
}

function close({ fd, route }: EmptyNamespace): void {
  route.close();
  closeSync(fd);
}
