/**
 * Tracked connections with all that is known of them, linux/netfilter/nfnetlink_conntrack.h: the tuples stand in
 * `connection.ts`. All numbers are in network order.
 */
import type { Address, Family } from "../../lib/ip.ts";
import { Fields } from "../netlink/fields.ts";
import { NFGENMSG_SIZE } from "../netlink/netfilter.ts";
import { familyOf } from "../rtnetlink/family.ts";
import {
  CTA_IP,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
} from "./attributes.ts";

const CTA_STATUS = 3;
const CTA_PROTOINFO = 4;
const CTA_TIMEOUT = 7;
const CTA_MARK = 8;
/** Identifier, type and code: of ICMP, and of ICMPv6. */
const CTA_PROTO_ICMP = [
  [4, 5, 6],
  [7, 8, 9],
] as const;
const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_STATE = 1;

/** A tracked connection, conntrack(8). */
export interface ObservedConnection {
  readonly family: Family;
  readonly protocol: number;
  readonly original: Tuple;
  readonly reply: Tuple;
  /** IPS_*, linux/netfilter/nf_conntrack_common.h: 2 seen reply, 4 assured, 8 confirmed, 16 source translated, 32 destination translated. */
  readonly status: number;
  readonly mark: number;
  readonly zone: number;
  /** Seconds. */
  readonly timeout: number;
  /** TCP_CONNTRACK_*, linux/netfilter/nf_conntrack_tcp.h: 1 syn sent, 3 established. */
  readonly tcpState?: number;
}

export interface Tuple {
  readonly source: Address;
  readonly destination: Address;
  /** Ports; of ICMP, `sourcePort` is the identifier and `destinationPort` type × 256 + code. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

const fields = new Fields();
const tuple = new Fields();
const part = new Fields();

/** The connection that a message tells of, or undefined where it is of another family or broken. */
export function readObservedConnection(payload: Uint8Array): ObservedConnection | undefined {
  const family = familyOf(payload[0]);
  if (payload.length < NFGENMSG_SIZE || !family) return undefined;
  fields.of(payload, NFGENMSG_SIZE);
  const original = readTuple(CTA_TUPLE_ORIG, family);
  const protocol = part.u8(CTA_PROTO_NUM);
  const reply = readTuple(CTA_TUPLE_REPLY, family);
  if (!original || !reply || protocol === undefined) return undefined;
  const tcpState = readTcpState();
  return {
    family,
    protocol,
    original,
    reply,
    status: fields.be32(CTA_STATUS) ?? 0,
    mark: fields.be32(CTA_MARK) ?? 0,
    zone: fields.be16(CTA_ZONE) ?? 0,
    timeout: fields.be32(CTA_TIMEOUT) ?? 0,
    ...(tcpState !== undefined && { tcpState }),
  };
}

/** Leaves the attributes of its protocol in `part`. */
function readTuple(type: number, family: Family): Tuple | undefined {
  tuple.within(fields, type);
  part.within(tuple, CTA_TUPLE_IP);
  const source = part.address(CTA_IP[family].source, family);
  const destination = part.address(CTA_IP[family].destination, family);
  part.within(tuple, CTA_TUPLE_PROTO);
  if (!source || !destination) return undefined;
  const [sourcePort, destinationPort] = readPorts();
  return { source, destination, sourcePort, destinationPort };
}

function readPorts(): [number, number] {
  for (const [identifier, type, code] of CTA_PROTO_ICMP) {
    const id = part.be16(identifier);
    if (id !== undefined) return [id, (part.u8(type) ?? 0) * 256 + (part.u8(code) ?? 0)];
  }
  return [part.be16(CTA_PROTO_SRC_PORT) ?? 0, part.be16(CTA_PROTO_DST_PORT) ?? 0];
}

function readTcpState(): number | undefined {
  if (!fields.has(CTA_PROTOINFO)) return undefined;
  tuple.within(fields, CTA_PROTOINFO);
  return part.within(tuple, CTA_PROTOINFO_TCP).u8(CTA_PROTOINFO_TCP_STATE);
}
