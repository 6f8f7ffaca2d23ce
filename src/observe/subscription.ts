/** What the kernel announces of one namespace: not what changed, but that something did. */
import { closeSync } from "node:fs";
import { MulticastSocket } from "../linux/netlink/multicast.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE } from "../linux/netlink/socket.ts";
import { openNamespace } from "../linux/netns.ts";
import { NFNLGRP_NFTABLES } from "../linux/nftables/announcement.ts";
import type { Reactor, Watch } from "../linux/reactor.ts";
import { RTM_DELLINK, RTM_NEWLINK } from "../linux/rtnetlink/attributes.ts";
import type { FoundNamespace } from "./find-namespaces.ts";
import { inside, isNamespace } from "./read-inside.ts";

const RTM_NEWNSID = 88;
const RTM_DELNSID = 89;

/** enum rtnetlink_groups, linux/rtnetlink.h. Forwarding entries come with neighbours; NETCONF tells of settings. */
const ROUTE_GROUPS = {
  link: 1,
  neigh: 3,
  tc: 4,
  ipv4Address: 5,
  ipv4Route: 7,
  ipv4Rule: 8,
  ipv6Address: 9,
  ipv6Route: 11,
  ipv6Rule: 19,
  ipv4Netconf: 24,
  ipv6Netconf: 25,
  nsid: 28,
  nexthop: 32,
} as const;

/** So many datagrams of a socket are thrown away at a time: whoever is so loud is heard the next time again. */
const DATAGRAMS_AT_ONCE = 4096;

const READABLE = { readable: true, writable: false };
const NOTHING = { readable: false, writable: false };

export class Subscription {
  readonly #sources: { readonly socket: MulticastSocket; readonly watch: Watch }[] = [];

  /**
   * Listen in the namespace, the own one or another; `onChange` is called at the first announcement, and not again until `clear`.
   * @throws KernelError where it can't be entered, or is another by now
   */
  constructor(reactor: Reactor, found: FoundNamespace, own: boolean, onChange: () => void) {
    const fd = openNamespace(found.path);
    try {
      if (!isNamespace(fd, found.id)) throw new Error(`${found.path} is another namespace by now`);
      const sockets = inside(own, fd, found.path, () => {
        const route = new MulticastSocket(NETLINK_ROUTE, Object.values(ROUTE_GROUPS));
        return [route, new MulticastSocket(NETLINK_NETFILTER, [NFNLGRP_NFTABLES])];
      });
      for (const socket of sockets) {
        const heard = () => {
          for (const { watch } of this.#sources) watch.expect(NOTHING);
          onChange();
        };
        this.#sources.push({ socket, watch: reactor.watch(socket.fd, READABLE, heard) });
      }
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Throw away what was announced, and listen again: what is read after it is at least as new.
   * @returns whether links came, went or changed, as they do with namespaces; also where too much came to tell
   */
  clear(): boolean {
    const links = this.#sources.map(({ socket }) => drain(socket)).includes(true);
    for (const { watch } of this.#sources) watch.expect(READABLE);
    return links;
  }

  close(): void {
    for (const { watch, socket } of this.#sources.splice(0)) {
      watch.close();
      socket.close();
    }
  }
}

function drain(socket: MulticastSocket): boolean {
  let links = false;
  for (let i = 0; i < DATAGRAMS_AT_ONCE; i += 1) {
    const messages = socket.receive();
    if (messages === "later") return links;
    if (messages === "lost") links = true;
    else links ||= messages.some(({ type }) => LINK_MESSAGES.has(type));
  }
  return links;
}

const LINK_MESSAGES: ReadonlySet<number> = new Set([RTM_NEWLINK, RTM_DELLINK, RTM_NEWNSID, RTM_DELNSID]);
