/**
 * One namespace as the kernel tells it. It is entered once, to open three sockets and to read what sockets don't tell, and
 * left at once; the sockets go on talking with it from outside.
 */
import { fstatSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import { FAMILIES } from "../lib/ip.ts";
import { askConnections, countConnections } from "../linux/conntrack/connection.ts";
import { readObservedConnection } from "../linux/conntrack/dump.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket, type Request } from "../linux/netlink/socket.ts";
import { type Now, within } from "../linux/netns.ts";
import { EMPTY_RULESET, type NftRuleset } from "../linux/nftables/program.ts";
import { readRuleset } from "../linux/nftables/read-ruleset.ts";
import { TRACING } from "../linux/nftables/trace-table.ts";
import type { NetnsPath } from "../linux/plan.ts";
import { askAddresses } from "../linux/rtnetlink/address.ts";
import { readObservedAddress } from "../linux/rtnetlink/dump/address.ts";
import { readObservedLink, type ToldLink } from "../linux/rtnetlink/dump/link.ts";
import {
  askForwarding,
  askProxies,
  readForwardingEntry,
  readObservedNeighbour,
} from "../linux/rtnetlink/dump/neighbour.ts";
import { askNexthops, type Nexthop, readNexthop, resolveNexthop } from "../linux/rtnetlink/dump/nexthop.ts";
import { askNamespaceId } from "../linux/rtnetlink/dump/nsid.ts";
import { askQdiscs, readActiveQdisc } from "../linux/rtnetlink/dump/qdisc.ts";
import { readObservedRoute, type ToldRoute } from "../linux/rtnetlink/dump/route.ts";
import { askRules, readPolicyRule } from "../linux/rtnetlink/dump/rule.ts";
import { askLinks } from "../linux/rtnetlink/link.ts";
import { askNeighbours } from "../linux/rtnetlink/neighbour.ts";
import { askRoutes } from "../linux/rtnetlink/route.ts";
import { type AnySockets, countSockets } from "../linux/sock-diag/counts.ts";
import { askListening, NETLINK_SOCK_DIAG, readListening } from "../linux/sock-diag/listening.ts";
import type { SysctlReader } from "../linux/sysctl-directory.ts";
import { readXtables } from "../linux/xtables/read.ts";
import { readBridgeSysctls, readNetlinkSysctls, readSysctls } from "./sysctls.ts";
import type { Namespace, NamespaceId, ObservedLink, Sysctls } from "./types.ts";

/** What is told from within: whose it is, and where other ends are, is found out beside others. */
export interface Reading
  extends Omit<Namespace, "id" | "name" | "host" | "pids" | "pins" | "path" | "container" | "links"> {
  readonly links: readonly ReadLink[];
  /** What this namespace calls the reader's own, where it has a number for it. */
  readonly hostNsid?: number;
}

export type ReadLink = ToldLink & Pick<ObservedLink, "qdisc">;

export interface Asked {
  readonly host: boolean;
  readonly connections: boolean;
  /** Whether this kernel tracks connections at all: to ask would have it load the module. */
  readonly tracks: boolean;
  readonly settings: SysctlReader;
  /** Of the reader's own namespace. */
  readonly hostFd: number;
}

/** Whether `fd` has the namespace open that was meant: a process may have gone, and another have its number. */
export const isNamespace = (fd: number, id: NamespaceId): boolean => fstatSync(fd).ino === id;

/** Run `work` in a namespace; the own one need not be entered, which takes CAP_SYS_ADMIN. @throws as `within` */
export const inside = <T>(own: boolean, fd: number, path: NetnsPath, work: () => Now<T>): T =>
  own ? work() : within(fd, path, work);

/**
 * Read all of the namespace that `fd` has open, from outside. What can't be read is a sentence in `unread`.
 * @throws KernelError where it can't be entered
 */
export function readInside(fd: number, path: NetnsPath, asked: Asked): Reading {
  const unread: string[] = [];
  /** What `read` gives, or `otherwise` where it fails. */
  const part = <T>(what: string, otherwise: T, read: () => T): T => {
    try {
      return read();
    } catch (thrown) {
      unread.push(`${what} can't be read: ${messageOf(thrown)}`);
      return otherwise;
    }
  };
  const sockets = new Map<number, NetlinkSocket>();
  const { xtables, sysctls, any } = inside(asked.host, fd, path, () => {
    for (const protocol of [NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_SOCK_DIAG]) {
      const socket = part("what netlink tells", undefined, () => new NetlinkSocket(protocol));
      if (socket) sockets.set(protocol, socket);
    }
    return {
      xtables: part("tables of iptables-legacy", [], readXtables),
      sysctls: part("settings", new Map<string, string>(), () => readSysctls(asked.settings, asked.host)),
      any: countSockets(),
    };
  });
  try {
    const told = {
      ...readRoute(sockets.get(NETLINK_ROUTE), asked, part),
      ...readNetfilter(sockets.get(NETLINK_NETFILTER), asked, part),
      sockets: readSockets(sockets.get(NETLINK_SOCK_DIAG), any, part),
    };
    const { netlinkSysctls, ...rest } = told;
    for (const [key, value] of netlinkSysctls) sysctls.set(key, value);
    if (!asked.host && told.links.some(({ kind }) => kind === "bridge")) {
      const ofBridges = part<Sysctls>("settings of bridges", new Map(), () =>
        within(fd, path, () => readBridgeSysctls(asked.settings)),
      );
      for (const [key, value] of ofBridges) sysctls.set(key, value);
    }
    return { ...rest, sysctls, xtables, unread };
  } finally {
    for (const socket of sockets.values()) socket.close();
  }
}

type Part = <T>(what: string, otherwise: T, read: () => T) => T;

function readRoute(socket: NetlinkSocket | undefined, asked: Asked, part: Part) {
  const dump = <T>(
    what: string,
    ask: (what: string) => Request,
    decode: (payload: Uint8Array) => T | undefined,
  ) =>
    socket ? part(what, [], () => socket.dump(ask(`ask for ${what}`), ({ payload }) => decode(payload))) : [];
  const told = dump("links", askLinks, readObservedLink);
  const links = withQdiscs(told, dump("queueing disciplines", askQdiscs, readActiveQdisc));
  const routes = dump("routes", askRoutes, readObservedRoute);
  const bridges = told.some(({ kind }) => kind === "bridge");
  const hostNsid =
    socket && !asked.host
      ? part("other namespaces' numbers", undefined, () => nsidOf(socket, asked.hostFd))
      : undefined;
  return {
    links,
    ...(hostNsid !== undefined && { hostNsid }),
    addresses: dump("addresses", askAddresses, readObservedAddress),
    routes: resolved(routes, () => dump("nexthop objects", askNexthops, readNexthop)),
    rules: dump("policy rules", askRules, readPolicyRule),
    neighbours: [
      ...dump("neighbours", askNeighbours, readObservedNeighbour),
      ...dump("neighbours that are answered for", askProxies, readObservedNeighbour),
    ],
    forwarding: bridges ? dump("bridges' tables", askForwarding, readForwardingEntry) : [],
    netlinkSysctls: socket
      ? part("settings", new Map<string, string>(), () => readNetlinkSysctls(socket))
      : new Map<string, string>(),
  };
}

/** What the socket's namespace calls the one that `fd` has open. @throws KernelError */
export function nsidOf(socket: NetlinkSocket, fd: number): number | undefined {
  let found: number | undefined;
  socket.request(
    askNamespaceId("ask what a namespace is called", fd, (id) => {
      found = id;
    }),
  );
  return found;
}

function withQdiscs(
  links: readonly ToldLink[],
  active: readonly { readonly ifindex: number; readonly kind: string }[],
): readonly ReadLink[] {
  if (active.length === 0) return links;
  const kinds = Map.groupBy(active, ({ ifindex }) => ifindex);
  return links.map((link) => {
    const here = kinds.get(link.ifindex);
    return here ? { ...link, qdisc: here.map(({ kind }) => kind).join(", ") } : link;
  });
}

function resolved(routes: readonly ToldRoute[], ask: () => readonly Nexthop[]) {
  const open = routes.some(({ route, nexthop }) => nexthop !== undefined && route.hops.length === 0);
  if (!open) return routes.map(({ route }) => route);
  const objects = new Map(ask().map((object) => [object.id, object]));
  return routes.map((told) => resolveNexthop(told, objects));
}

function readNetfilter(socket: NetlinkSocket | undefined, asked: Asked, part: Part) {
  if (!socket) return { nft: EMPTY_RULESET };
  const nft = part("rules of nftables", EMPTY_RULESET, () => withoutTracing(readRuleset(socket)));
  if (!asked.tracks) return { nft };
  const connectionCount = part("the number of tracked connections", undefined, () => countOf(socket));
  const connections = asked.connections
    ? part("tracked connections", undefined, () => connectionsOf(socket))
    : undefined;
  return {
    nft,
    ...(connectionCount !== undefined && { connectionCount }),
    ...(connections && { connections }),
  };
}

/** Tables of whoever traces at this moment decide nothing, and are gone in the next. */
const withoutTracing = ({ generation, tables }: NftRuleset): NftRuleset => ({
  generation,
  tables: tables.filter(({ owned, name }) => !owned || !name.startsWith(TRACING)),
});

function countOf(socket: NetlinkSocket): number | undefined {
  let count: number | undefined;
  socket.request(
    countConnections("count connections", (told) => {
      count = told;
    }),
  );
  return count;
}

const connectionsOf = (socket: NetlinkSocket) =>
  FAMILIES.flatMap((family) =>
    socket.dump(askConnections("list connections", { family }), ({ payload }) =>
      readObservedConnection(payload),
    ),
  );

const readSockets = (socket: NetlinkSocket | undefined, any: AnySockets, part: Part) =>
  (["tcp", "udp"] as const).flatMap((protocol) =>
    FAMILIES.flatMap((family) =>
      socket && any(protocol, family)
        ? part(`${protocol} sockets of IPv${family}`, [], () =>
            socket.dump(askListening(`list ${protocol} sockets`, protocol, family), ({ payload }) =>
              readListening(payload, protocol),
            ),
          )
        : [],
    ),
  );
