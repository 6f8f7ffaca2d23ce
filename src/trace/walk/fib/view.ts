/** What rules ask of routes: fib expressions, rpfilter, addrtype. inet_dev_addr_type, nft_fib4_eval, nft_fib6_eval_type. */
import { type Address, addressFromBytes, type Mac } from "../../../lib/ip.ts";
import { isMulticast } from "../../../lib/ip-kinds.ts";
import { memoBy } from "../../../lib/memo.ts";
import { RT_TABLE, RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace } from "../../../observe/types.ts";
import type { RouteView } from "../../firewall/types.ts";
import { lookup } from "./rules.ts";
import { lookupTable } from "./table.ts";

function addressType(namespace: Namespace, address: Address, ifindex: number | undefined): number {
  if (isMulticast(address)) return RTN.multicast;
  const { family, bits } = address;
  if (family === 4 && (bits === 0n || bits === 0xffffffffn)) return RTN.broadcast;
  const match = lookupTable(namespace, RT_TABLE.local, { family, to: address, mark: 0 });
  if (match && (ifindex === undefined || match.hops.some((hop) => hop.ifindex === ifindex)))
    return match.route.type;
  if (family === 4) return RTN.unicast;
  const found = lookup(namespace, { family, to: address, mark: 0 });
  return found.found ? RTN.unicast : RTN.unreachable;
}

function outputLink(
  namespace: Namespace,
  to: Address,
  from: Address | undefined,
  mark: number,
  ifindex: number | undefined,
): number | undefined {
  const found = lookup(namespace, { family: to.family, to, ...(from && { from }), mark });
  if (!found.found || found.route.type !== RTN.unicast) return undefined;
  const hop = found.hops.find((one) => ifindex === undefined || one.ifindex === ifindex);
  return hop?.ifindex;
}

export const routeViewOf: (namespace: Namespace) => RouteView = memoBy((namespace: Namespace) => ({
  addressType: (address: Uint8Array, ifindex?: number) =>
    addressType(namespace, addressFromBytes(address), ifindex),
  outputLink: (to: Uint8Array, from: Uint8Array | undefined, mark: number, ifindex?: number) =>
    outputLink(namespace, addressFromBytes(to), from && addressFromBytes(from), mark, ifindex),
  macOf: (ifindex: number): Mac | undefined => placeOf(namespace).link(ifindex)?.mac,
}));
