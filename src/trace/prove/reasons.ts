/** The kernel's reasons for drops (include/net/dropreason-core.h) and ICMP's for errors, in our words. */
import type { Family } from "../../lib/ip.ts";
import type { DropReason } from "../types.ts";

type Words = Pick<DropReason, "code" | "text">;

const words = (code: DropReason["code"], text: string): Words => ({ code, text });

const NO_NEIGHBOUR = words("no-neighbour", "nobody answers for the next hop's address");
const NO_ROUTE = words("no-route", "there is no route to the destination");
const MARTIAN = words("martian", "an address that can't be there: it is refused as a martian");
const LINK_DOWN = words("link-down", "the link is down");
const RULE = words("rule", "a rule of the firewall dropped it");
const NO_SOCKET = words("no-socket", "nothing listens there");
const BACKLOG = words(
  "backlog-full",
  "the program that listens does not accept fast enough: its queue is full",
);

/** By SKB_DROP_REASON_*. */
const KERNEL: Readonly<Record<string, Words>> = {
  NO_SOCKET,
  IP_RPFILTER: words("reverse-path", "the way back to its source is by another link (rp_filter)"),
  IP_INADDRERRORS: words("not-forwarding", "it is for somebody else, and this namespace does not forward"),
  IP_INVALID_SOURCE: MARTIAN,
  IP_INVALID_DEST: MARTIAN,
  IP_LOCALNET: MARTIAN,
  IP_LOCAL_SOURCE: MARTIAN,
  NEIGH_CREATEFAIL: NO_NEIGHBOUR,
  NEIGH_FAILED: NO_NEIGHBOUR,
  NEIGH_QUEUEFULL: NO_NEIGHBOUR,
  NEIGH_DEAD: NO_NEIGHBOUR,
  PKT_TOO_BIG: words("too-big", "it is larger than the link's MTU, and must not be fragmented"),
  DEV_READY: LINK_DOWN,
  OTHERHOST: words("wrong-mac", "the frame is for another MAC address"),
  IPV6DISABLED: words("ipv6-off", "IPv6 is off at that link"),
  LOCAL_MAC: words("duplicate-address", "it came in with a source MAC address that is the bridge's own"),
  SOCKET_RCVBUFF: BACKLOG,
  SOCKET_BACKLOG: BACKLOG,
  TCP_LISTEN_OVERFLOW: BACKLOG,
};

/** What the kernel says may have one of several causes. The first is meant where none of them was predicted. */
interface Ambiguous {
  readonly codes: readonly DropReason["code"][];
  readonly text: string;
}

/** A route, or a rule, that refuses looks as none does. */
const REFUSING: Ambiguous = { codes: ["no-route", "unreachable-route"], text: NO_ROUTE.text };
const NO_PORT: Ambiguous = {
  codes: ["isolated-port", "port-state", "wrong-mac", "link-down"],
  text: "the bridge passes it on to no port",
};
const NOT_TAKEN_BY_PORT: Ambiguous = {
  codes: ["too-big", "link-down"],
  text: "it is larger than what the bridge's port takes",
};
const NOT_TAKEN: Ambiguous = {
  codes: ["too-big", "link-down"],
  text: "the link's other end does not take it: it is too large for that, or that is down",
};

/** By SKB_DROP_REASON_*. */
const AMBIGUOUS: Readonly<Record<string, Ambiguous>> = {
  // What was translated, and has no way to where it is by then, ends in the hook.
  NETFILTER_DROP: { codes: ["rule", "no-address", "no-route", "unreachable-route"], text: RULE.text },
  IP_OUTNOROUTES: REFUSING,
  IP_INNOROUTES: REFUSING,
  BRIDGE_INGRESS_STP_STATE: {
    codes: ["port-state", "link-down"],
    text: "the bridge's port does not forward, or the bridge is down",
  },
  NO_TX_TARGET: NO_PORT,
};

/** Where no reason is given: by the function. */
const PLACES: Readonly<Record<string, Ambiguous>> = {
  br_dev_queue_push_xmit: NOT_TAKEN_BY_PORT,
  br_nf_dev_queue_xmit: NOT_TAKEN_BY_PORT,
  // What answers is sent from within.
  icmpv6_rcv: { codes: ["reply-lost"], text: "its answer can't be sent" },
  br_handle_frame_finish: NO_PORT,
  br_forward: NO_PORT,
  br_flood: NO_PORT,
  __dev_forward_skb2: NOT_TAKEN,
  __dev_forward_skb: NOT_TAKEN,
  veth_xmit: NOT_TAKEN,
};

/** Of kernels before 5.17, and of what has no reason still. */
const UNREASONED: Readonly<Record<string, Words>> = {
  nf_hook_slow: RULE,
  tcp_v4_rcv: NO_SOCKET,
  tcp_v6_rcv: NO_SOCKET,
  __udp4_lib_rcv: NO_SOCKET,
  __udp6_lib_rcv: NO_SOCKET,
};

/**
 * @param inFunction empty where it is not known
 * @param predicted reasons that were thought of: where one of them may be the kernel's, it is
 */
export function wordsOfDrop(
  reason: string,
  inFunction: string,
  predicted: readonly DropReason[] = [],
): Words {
  const known = KERNEL[reason];
  if (known) return known;
  // The compiler names a function's parts: `br_forward.part.0`.
  const [name = ""] = inFunction.split(".");
  if (reason === "IP_INHDR" && FORWARDING.has(name)) return EXPIRED;
  const ambiguous = AMBIGUOUS[reason] ?? (reason === "NOT_SPECIFIED" ? PLACES[name] : undefined);
  if (ambiguous) return meant(ambiguous, predicted);
  const unreasoned = reason === "NOT_SPECIFIED" ? UNREASONED[name] : undefined;
  if (unreasoned) return unreasoned;
  const where = inFunction ? ` in ${inFunction}` : "";
  return words("kernel", `the kernel dropped it${where}: ${reason.toLowerCase().replaceAll("_", " ")}`);
}

const FORWARDING: ReadonlySet<string> = new Set(["ip_forward", "ip6_forward"]);

const PROHIBITED = words("rule", "it was refused: administratively prohibited");
const EXPIRED = words("ttl", "its TTL ran out on the way");
const CLOSED = words("no-socket", "nothing listens at that port");
const TOO_BIG = words("too-big", "it is larger than a link on the way takes, and must not be fragmented");

/** RFC 792, RFC 1122 section 3.2.2.1, RFC 1812; RFC 4443: by type and code. */
const ICMP: Readonly<Record<Family, Readonly<Record<string, Words>>>> = {
  4: {
    "3/0": NO_ROUTE,
    "3/1": words("no-neighbour", "a router can't reach the destination: host unreachable"),
    "3/2": words("kernel", "the destination does not speak that protocol"),
    "3/3": CLOSED,
    "3/4": TOO_BIG,
    "3/9": PROHIBITED,
    "3/10": PROHIBITED,
    "3/13": PROHIBITED,
    "11/0": EXPIRED,
  },
  6: {
    "1/0": NO_ROUTE,
    "1/1": PROHIBITED,
    "1/3": words("no-neighbour", "a router can't reach the destination: address unreachable"),
    "1/4": CLOSED,
    "1/5": PROHIBITED,
    "1/6": words("unreachable-route", "the route to the destination rejects it"),
    "2/0": TOO_BIG,
    "3/0": EXPIRED,
  },
};

export const wordsOfError = (family: Family, type: number, code: number): Words =>
  ICMP[family][`${type}/${code}`] ?? words("kernel", `an ICMP error came back: type ${type}, code ${code}`);

/** Errors of connect(2) and send(2) that tell of the way, ip(7); of others there is nothing to be learned of it. */
const SENDING: Readonly<Record<string, Ambiguous>> = {
  ENETUNREACH: { codes: ["no-route", "unreachable-route", "ipv6-off", "no-address"], text: NO_ROUTE.text },
  EHOSTUNREACH: { codes: ["unreachable-route"], text: "the route to the destination is unreachable" },
  EACCES: {
    codes: ["unreachable-route"],
    text: "the route to the destination is prohibited, or leads to a broadcast address",
  },
  EINVAL: {
    codes: ["unreachable-route", "no-address"],
    text: "the route to the destination is a blackhole",
  },
  EADDRNOTAVAIL: {
    codes: ["no-address", "ipv6-off", "no-route"],
    text: "there is no address there that it could be sent from",
  },
  EMSGSIZE: { codes: ["too-big"], text: "it is larger than the MTU of the link that it would leave by" },
  ENETDOWN: { codes: ["link-down"], text: LINK_DOWN.text },
};

/** @param predicted as of `wordsOfDrop` */
export const wordsOfSending = (code: string, predicted: readonly DropReason[] = []): Words | undefined => {
  const ambiguous = SENDING[code];
  return ambiguous && meant(ambiguous, predicted);
};

/** What was thought of, where the kernel may mean it; else the first. */
function meant({ codes, text }: Ambiguous, predicted: readonly DropReason[]): Words {
  const [first = "kernel", ...others] = codes;
  const one = predicted.find(({ code }) => code === first || others.includes(code));
  return one ? words(one.code, one.text) : words(first, text);
}
