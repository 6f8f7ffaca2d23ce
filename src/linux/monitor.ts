/**
 * What others change of the engine's own namespace while it runs: firewall, links, addresses. On the main
 * thread, through the reactor, and never blocking.
 *
 * What the engine itself does to the firewall is told apart by the name of the thread that does it
 * (`KERNEL_THREAD`): NFTA_GEN_PROC_PID would not do, since it is the thread's number in the initial PID
 * namespace. Once one of its transactions was heard, the kernel is told to throw away all that comes of that
 * socket: ten thousand elements of our own cost this thread nothing.
 *
 * Tables of xtables (`iptables-legacy`) are announced by nobody.
 */
import { LITTLE_ENDIAN, viewOf } from "./bytes.ts";
import type { Link } from "./kernel.ts";
import { KERNEL_THREAD } from "./kernel-protocol.ts";
import type { Message } from "./netlink/message.ts";
import { MulticastSocket } from "./netlink/multicast.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE } from "./netlink/socket.ts";
import { NFNLGRP_NFTABLES, readAnnouncement } from "./nftables/announcement.ts";
import type { Reactor, Watch } from "./reactor.ts";
import { RTM_DELADDR, RTM_DELLINK, RTM_NEWLINK, RTNLGRP_LINK } from "./rtnetlink/attributes.ts";
import { readLink } from "./rtnetlink/link.ts";
import { RT_SCOPE } from "./rtnetlink/route-numbers.ts";
import { AF_BRIDGE, AF_INET6 } from "./socket-constants.ts";

/** What changed since the last time. */
export interface KernelChanges {
  /** Of the firewall, by others: `inet filter`, and whether it was more than the elements of its sets. */
  readonly tables: ReadonlyMap<string, "rules" | "elements">;
  /** Who did that: the names of the threads (comm), at most 15 bytes. */
  readonly by: ReadonlySet<string>;
  /** Links that came or changed, by whomever, as they are now; by index. */
  readonly links: ReadonlyMap<number, Link>;
  /** Links that went: their names, by index. */
  readonly gone: ReadonlyMap<number, string>;
  /** Links that were taken off a bridge and are still there; indexes. */
  readonly released: ReadonlySet<number>;
  /** Links that lost an address, IPv6's own link-local ones aside, and are still there; indexes. */
  readonly unaddressed: ReadonlySet<number>;
  /** More came than there was room for: anything may have changed. */
  readonly lost: boolean;
}

export interface KernelWatch {
  close(): void;
}

export interface WatchOptions {
  /** Milliseconds for which changes are left to collect, from the first on, before they are read and told; 50 by default. */
  readonly settle?: number;
}

const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV6_IFADDR = 9;

/** So many datagrams of a socket are read at a time: a millisecond's work. More are read the next time. */
const DATAGRAMS_AT_ONCE = 1024;
/** The kernel's thread has two sockets; a few more, should it have died and been replaced. */
const IGNORED_PORTS = 8;

/** Tell `listener` of changes, until closed. @throws KernelError where the kernel can't be listened to */
export function watchKernel(
  reactor: Reactor,
  listener: (changes: KernelChanges) => void,
  options: WatchOptions = {},
): KernelWatch {
  return new Monitor(reactor, listener, options.settle ?? 50);
}

class Changes {
  /** RTM_NEWLINK payloads, the last of each link: a new link has half a dozen, and one is enough to read. */
  readonly heard = new Map<number, Uint8Array>();
  readonly tables = new Map<string, "rules" | "elements">();
  readonly by = new Set<string>();
  readonly links = new Map<number, Link>();
  readonly gone = new Map<number, string>();
  readonly released = new Set<number>();
  readonly unaddressed = new Set<number>();
  lost = false;
}

interface Source {
  readonly socket: MulticastSocket;
  readonly watch: Watch;
  readonly hear: (message: Message, socket: MulticastSocket) => void;
}

const READABLE = { readable: true, writable: false };
const NOTHING = { readable: false, writable: false };

class Monitor implements KernelWatch {
  readonly #sources: Source[] = [];
  readonly #listener: (changes: KernelChanges) => void;
  readonly #settle: number;
  #changes = new Changes();
  /** Whether there is anything in them. */
  #heard = false;
  #timer: NodeJS.Timeout | undefined;
  /** Of the transaction that is being told. */
  #touched = new Map<string, "rules" | "elements">();
  #ownPorts: readonly number[] = [];

  constructor(reactor: Reactor, listener: (changes: KernelChanges) => void, settle: number) {
    this.#listener = listener;
    this.#settle = settle;
    const route = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR];
    try {
      this.#listen(reactor, NETLINK_ROUTE, route, (message) => this.#hearRoute(message));
      this.#listen(reactor, NETLINK_NETFILTER, [NFNLGRP_NFTABLES], (message, socket) =>
        this.#hearFirewall(message, socket),
      );
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const { watch, socket } of this.#sources) {
      watch.close();
      socket.close();
    }
    this.#sources.length = 0;
  }

  #listen(
    reactor: Reactor,
    protocol: number,
    groups: readonly number[],
    hear: (message: Message, socket: MulticastSocket) => void,
  ): void {
    const socket = new MulticastSocket(protocol, groups);
    this.#sources.push({ socket, hear, watch: reactor.watch(socket.fd, READABLE, () => this.#collect()) });
  }

  /** A thing that happens is a dozen announcements: to wake for each would cost more than to read them. */
  #collect(): void {
    for (const { watch } of this.#sources) watch.expect(NOTHING);
    this.#timer ??= setTimeout(() => this.#readAll(), this.#settle);
  }

  #readAll(): void {
    this.#timer = undefined;
    this.#changes = new Changes();
    for (const source of this.#sources) this.#read(source);
    for (const { watch } of this.#sources) watch.expect(READABLE);
    if (this.#heard) this.#tell();
  }

  #read({ socket, hear }: Source): void {
    for (let i = 0; i < DATAGRAMS_AT_ONCE; i += 1) {
      const messages = socket.receive();
      if (messages === "later") return;
      if (messages === "lost") this.#lose();
      else for (const message of messages) hear(message, socket);
    }
  }

  #lose(): void {
    this.#touched.clear();
    this.#changed().lost = true;
  }

  #hearFirewall(message: Message, socket: MulticastSocket): void {
    if (this.#ownPorts.includes(message.port)) return; // it was on its way before the kernel knew
    const told = readAnnouncement(message);
    if (!told) return;
    if (told.of !== "end") {
      if (told.of === "rules" || !this.#touched.has(told.table)) this.#touched.set(told.table, told.of);
      return;
    }
    const touched = this.#touched;
    this.#touched = new Map();
    if (told.by === KERNEL_THREAD) {
      this.#ignore(message.port, socket);
      return;
    }
    const changes = this.#changed();
    changes.by.add(told.by);
    for (const [table, what] of touched) {
      if (what === "rules" || !changes.tables.has(table)) changes.tables.set(table, what);
    }
  }

  #ignore(port: number, socket: MulticastSocket): void {
    this.#ownPorts = [port, ...this.#ownPorts].slice(0, IGNORED_PORTS);
    socket.ignore(this.#ownPorts);
  }

  #hearRoute({ type, payload }: Message): void {
    if (payload.length < 8) return;
    const ifindex = viewOf(payload).getInt32(4, LITTLE_ENDIAN); // of struct ifinfomsg and of struct ifaddrmsg
    if (type === RTM_DELADDR) {
      // struct ifaddrmsg { __u8 ifa_family, ifa_prefixlen, ifa_flags, ifa_scope; __u32 ifa_index; }
      const automatic = payload[0] === AF_INET6 && payload[3] === RT_SCOPE.link;
      if (!automatic && !this.#changes.gone.has(ifindex)) this.#changed().unaddressed.add(ifindex);
      return;
    }
    if (type !== RTM_NEWLINK && type !== RTM_DELLINK) return;
    // A bridge tells of its ports in a family of its own; what it tells of them is in the other messages as well.
    if (payload[0] === AF_BRIDGE) {
      if (type === RTM_DELLINK) this.#changed().released.add(ifindex);
      return;
    }
    const changes = this.#changed();
    if (type === RTM_NEWLINK) {
      changes.heard.set(ifindex, payload.slice());
      changes.gone.delete(ifindex);
    } else {
      changes.gone.set(ifindex, readLink(payload)?.name ?? "");
      changes.heard.delete(ifindex);
      changes.released.delete(ifindex);
      changes.unaddressed.delete(ifindex);
    }
  }

  #changed(): Changes {
    this.#heard = true;
    return this.#changes;
  }

  #tell(): void {
    this.#heard = false;
    const changes = this.#changes;
    for (const [ifindex, payload] of changes.heard) {
      const link = readLink(payload);
      if (!link) continue;
      changes.links.set(ifindex, link);
      // It was moved from one bridge to another.
      if (link.master !== undefined) changes.released.delete(ifindex);
    }
    this.#listener(changes);
  }
}
