/** Whether an answer would go back where a packet came from: fib_validate_source (net/ipv4/fib_frontend.c). IPv4 alone. */
import { type Address, formatAddress } from "../../../lib/ip.ts";
import { memoBy } from "../../../lib/memo.ts";
import { RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { reversePathFilter } from "../../../observe/lookup.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace, ObservedLink } from "../../../observe/types.ts";
import type { DropReason } from "../../types.ts";
import { either } from "../settings.ts";
import type { Query } from "./query.ts";
import { lookup } from "./rules.ts";

const STRICT = 1;
const KERNEL = 2;

/** Without a filter only addresses of links count, unless somebody made local routes or rules of his own. */
const isOurs = (namespace: Namespace, address: Address): boolean =>
  placeOf(namespace).holders(address).length > 0 || hasCustomRules(namespace);

/** fib4_has_custom_rules, fib_has_custom_local_routes. */
const hasCustomRules = memoBy(
  ({ rules, routes }: Namespace): boolean =>
    rules.filter(({ family }) => family === 4).length > 3 ||
    routes.some(({ family, type, protocol }) => family === 4 && type === RTN.local && protocol !== KERNEL),
);

/**
 * @param out the link that it is to leave by, by which its answer would come in; undefined where it is for this machine
 * @returns why it is refused, or undefined
 */
export function refusedSource(
  namespace: Namespace,
  link: ObservedLink,
  packet: Required<Pick<Query, "from" | "to" | "mark">>,
  out?: number,
): DropReason | undefined {
  const filter = reversePathFilter(namespace, link);
  const source = formatAddress(packet.from);
  const ours: DropReason = {
    code: "martian",
    text: `${source} is an address of ${namespace.name} itself: nobody else may speak under it by ${link.name}`,
  };
  const back = lookup(namespace, {
    family: 4,
    to: packet.from,
    from: packet.to,
    ...(out !== undefined && { in: out }),
    mark: either(namespace, link, "sourceValidMark") ? packet.mark : 0,
  });
  if (back.found && back.route.type === RTN.local && (filter !== 0 || isOurs(namespace, packet.from))) {
    return either(namespace, link, "acceptLocal") ? undefined : ours;
  }
  if (filter === 0) return undefined;
  const refused = (why: string): DropReason => ({
    code: "reverse-path",
    text: `${namespace.name} refuses packets from ${source} by ${link.name}: ${why} (rp_filter is ${filter})`,
  });
  if (!back.found) return refused("it has no route back to there");
  if (back.route.type !== RTN.unicast) {
    return { code: "martian", text: `${source} is no address that a packet can come from` };
  }
  if (back.hops.some(({ ifindex }) => ifindex === link.ifindex)) return undefined;
  const names = back.hops.map(({ ifindex }) =>
    ifindex === undefined ? "nowhere" : placeOf(namespace).link(ifindex)?.name,
  );
  if (filter === STRICT) return refused(`the answer would leave by ${names.join(" or ")}`);
  // Loose: any route back will do, unless the link has no address at all.
  return placeOf(namespace)
    .addressesOn(link.ifindex)
    .some(({ address }) => address.address.family === 4)
    ? undefined
    : refused("the link has no address");
}
