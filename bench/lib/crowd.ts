/** Many containers as the kernel has them, and no process in any: namespaces, each on one bridge by a pair of its own. */
import { closeSync, mkdirSync } from "node:fs";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { NETLINK_ROUTE, NetlinkSocket, type Request } from "../../src/linux/netlink/socket.ts";
import { makeNamespace, pinNamespace } from "../../src/linux/netns.ts";
import { closeContext, Nft, openContext } from "../../src/linux/nftables/library.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { addAddress } from "../../src/linux/rtnetlink/address.ts";
import { changeLink, createLink } from "../../src/linux/rtnetlink/link.ts";
import { addRoute, RT_TABLE_MAIN, RTN_UNICAST } from "../../src/linux/rtnetlink/route.ts";
import { RESOLVER_RULES } from "../../src/network/dns/rules.ts";

const BRIDGE = "bench0";
const GATEWAY = "10.200.0.1";
/** As our engine pins them; found by the mounts of this mount namespace. */
const DIRECTORY = "/run/crowd";

/**
 * Make `count` more in this namespace, beside `present` that are there: at most 1,000, for a bridge has no more ports. They go
 * with the namespaces that the caller is in.
 * @returns where each is pinned
 */
export function makeCrowd(present: number, count: number): readonly NetnsPath[] {
  mkdirSync(DIRECTORY, { recursive: true });
  const here = new NetlinkSocket(NETLINK_ROUTE);
  try {
    if (present === 0) makeBridge(here);
    const bridge = here.ifindex("find the bridge", BRIDGE);
    return Array.from({ length: count }, (_, i) => makeOne(here, bridge, present + i));
  } finally {
    here.close();
  }
}

function makeBridge(here: NetlinkSocket): void {
  here.request(createLink("create the bridge", { name: BRIDGE, kind: "bridge" }));
  const bridge = here.ifindex("find the bridge", BRIDGE);
  here.request(addAddress("address the bridge", addressOf(bridge, GATEWAY), true));
  here.request(changeLink("turn the bridge on", { ifindex: bridge, up: true }));
}

function makeOne(here: NetlinkSocket, bridge: number, i: number): NetnsPath {
  const path = `${DIRECTORY}/${i.toString(16).padStart(12, "0")}` as NetnsPath;
  const { fd, result } = makeNamespace(() => {
    const context = openContext();
    new Nft(context).run("add the resolver's rules", RESOLVER_RULES);
    closeContext(context);
    return new NetlinkSocket(NETLINK_ROUTE);
  });
  const host = `crowd${i}`;
  here.request(
    createLink("create a pair", {
      name: host,
      kind: "veth",
      peer: { name: "eth0", netnsFd: fd },
    }),
  );
  const ifindex = here.ifindex("find a pair", host);
  here.request(changeLink("plug it in", { ifindex, master: bridge, up: true }));
  configure(result, `10.200.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`);
  result.close();
  pinNamespace(fd, path);
  closeSync(fd);
  return path;
}

function configure(inside: NetlinkSocket, address: string): void {
  const eth0 = inside.ifindex("find eth0", "eth0");
  const requests: Request[] = [
    changeLink("turn lo on", { ifindex: 1, up: true }),
    addAddress("address eth0", addressOf(eth0, address), true),
    changeLink("turn eth0 on", { ifindex: eth0, up: true }),
    addRoute("add the default route", {
      to: "default",
      via: parseAddress(GATEWAY),
      ifindex: eth0,
      table: RT_TABLE_MAIN,
      type: RTN_UNICAST,
    }),
  ];
  for (const request of requests) inside.request(request);
}

const addressOf = (ifindex: number, address: string) => ({
  ifindex,
  address: parsePrefix(`${address}/16`),
  scope: 0,
});
