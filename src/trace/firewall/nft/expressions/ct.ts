/** Connection tracking, net/netfilter/nft_ct.c. */
import { be32Or0 } from "../../../../linux/nftables/read-numbers.ts";
import type { ConnectionTuple, ConnectionView } from "../../types.ts";
import { hex, type Machine, type Operation, type Result, readHost32, registerAt } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

/** NF_CT_STATE_BIT of linux/netfilter/nf_conntrack_common.h. */
const STATES = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;
const NFPROTO = { 4: 2, 6: 10 } as const;

const LABELS = 16;
const HELPER = 16;

type Load = (machine: Machine, to: number, connection: ConnectionView, tuple: ConnectionTuple) => void;

/** enum nft_ct_keys, in its order, from NFT_CT_DIRECTION on. */
const KEYS: readonly (Load | undefined)[] = [
  undefined,
  (machine, to, { direction }) => machine.store8(to, direction === "original" ? 0 : 1),
  (machine, to, { status }) => machine.store32(to, status),
  (machine, to, { mark }) => machine.store32(to, mark),
  unknown(4, "the security mark of the connection"),
  unknown(4, "the time that the connection has left"),
  unknown(HELPER, "the helper of the connection"),
  (machine, to, { original }) => machine.store8(to, NFPROTO[original.family]),
  address("source"),
  address("destination"),
  (machine, to, { original }) => machine.store8(to, original.protocol),
  port("sourcePort"),
  port("destinationPort"),
  labels,
  unknown(8, "the packets of the connection so far"),
  unknown(8, "the bytes of the connection so far"),
  unknown(8, "the average packet of the connection"),
  (machine, to, { zone }) => machine.store16(to, zone),
  undefined,
  address("source"),
  address("destination"),
  address("source"),
  address("destination"),
  unknown(4, "the number of the connection"),
];
const NFT_CT_STATE = 0;
const NFT_CT_MARK = 3;
const NFT_CT_HELPER = 6;
const NFT_CT_ZONE = 17;
/** Keys that are of one family alone. */
const FAMILIES: Readonly<Record<number, 4 | 6>> = { 19: 4, 20: 4, 21: 6, 22: 6 };

/** enum nft_ct_attributes { …, NFTA_CT_DREG, NFTA_CT_KEY, NFTA_CT_DIRECTION, NFTA_CT_SREG } */
export function ct(attributes: Attributes): Operation {
  const key = be32Or0(attributes.get(2));
  const source = attributes.get(4);
  if (source) return setting(key, registerAt(source));
  const to = registerAt(attributes.get(1));
  const reply = attributes.get(3)?.at(0) === 1;
  if (key === NFT_CT_STATE) {
    return (machine) => {
      machine.store32(to, STATES[stateOf(machine)]);
      return "continue";
    };
  }
  const load = KEYS[key] ?? unknown(16, `ct key ${key}`);
  return (machine) => {
    const connection = trackedBy(machine);
    if (!connection) return "break";
    // Set on the connection that expects this one: there is none of what is not related.
    if (key === NFT_CT_HELPER && connection.state === "new") return "break";
    const family = FAMILIES[key];
    if (family !== undefined && family !== connection.original.family) return "break";
    load(machine, to, connection, reply ? connection.reply : connection.original);
    return "continue";
  };
}

/** What tracking has not seen is invalid to rules. */
const stateOf = (machine: Machine): ConnectionView["state"] =>
  machine.notrack ? "untracked" : (machine.connection?.state ?? "invalid");

function trackedBy(machine: Machine): ConnectionView | undefined {
  const state = stateOf(machine);
  return state === "invalid" || state === "untracked" ? undefined : machine.connection;
}

function setting(key: number, from: number): Operation {
  return (machine): Result => {
    if (key === NFT_CT_ZONE) machine.do(`set ct zone ${readHost32(machine.load(from, 4)) & 0xffff}`);
    if (key !== NFT_CT_MARK) return "continue";
    if (!trackedBy(machine)) return "continue";
    const doubt = machine.doubt(from, 4);
    if (doubt !== undefined) {
      const assuming = `${doubt} leaves the connection's mark as it is`;
      return { ways: [{ assuming, go: () => "continue" }] };
    }
    const mark = readHost32(machine.load(from, 4));
    machine.connectionMark = mark;
    machine.do(`set ct mark ${hex(mark)}`);
    return "continue";
  };
}

/** enum nft_ct without attributes: `notrack` before tracking has looked; later it does nothing. */
export function notrack(): Operation {
  return (machine) => {
    if (machine.around.connection) return "continue";
    machine.notrack = true;
    machine.do("notrack");
    return "continue";
  };
}

function address(side: "source" | "destination"): Load {
  return (machine, to, _, tuple) => machine.store(to, tuple[side]);
}

function port(side: "sourcePort" | "destinationPort"): Load {
  return (machine, to, _, tuple) =>
    machine.store(to, Uint8Array.of((tuple[side] >> 8) & 0xff, tuple[side] & 0xff));
}

/** A new connection has none. */
function labels(machine: Machine, to: number, { state }: ConnectionView): void {
  if (state === "new") machine.store(to, new Uint8Array(LABELS));
  else machine.storeUnknown(to, LABELS, "the labels of the connection");
}

function unknown(length: number, why: string): Load {
  return (machine, to) => machine.storeUnknown(to, length, why);
}
