/** What is sent: as small as it can be, or as large as it is asked for. */
import { randomBytes, randomInt } from "node:crypto";
import type { Address } from "../../lib/ip.ts";
import { DNS_PORT } from "../../lib/protocols.ts";
import { viewOf } from "../../linux/bytes.ts";
import { type Carried, makePacket } from "../packet/make.ts";
import { be16 } from "../packet/network-order.ts";
import type { Packet } from "../packet/types.ts";
import type { Flow } from "../types.ts";
import { type Marks, marksOf } from "./marks.ts";

/** All of a probe that is chosen by chance. */
export interface Chance {
  readonly magic: Uint8Array;
  /** Identifier and sequence number of an echo. */
  readonly echo: Uint8Array;
}

export interface Probe {
  readonly marks: Marks;
  /** From `source`, without a link's header. */
  readonly packet: Packet;
}

/** A query, recursion desired: the flags of a DNS header, RFC 1035 section 4.1.1. */
const QUERY_FLAGS = be16(0x0100);
const EPHEMERAL = [32_768, 60_999] as const;
const IP_HEADER = { 4: 20, 6: 40 } as const;
const TRANSPORT_HEADER = { icmp: 8, tcp: 20, udp: 8 } as const;
/** Bytes that a probe has behind its header at least: the mark. */
const LEAST = { icmp: 4, tcp: 0, udp: 4 } as const;

export function chanceFor(flow: Flow): Chance {
  const magic = randomBytes(4);
  if (isQuery(flow)) magic.set(QUERY_FLAGS, 2);
  return { magic, echo: randomBytes(4) };
}

export const randomPort = (): number => randomInt(EPHEMERAL[0], EPHEMERAL[1] + 1);

/** A name server takes nothing but questions: where no name is given, it is asked for the root. */
export const isQuery = ({ protocol, port, query }: Flow): boolean =>
  protocol === "udp" && (query !== undefined || port === DNS_PORT);

export function makeProbe(flow: Flow, { magic, echo }: Chance, source: Address, sourcePort: number): Probe {
  const { protocol, port = 0, destination } = flow;
  const { family } = destination;
  const question = isQuery(flow) ? questionOf(flow.query ?? "") : undefined;
  const least = question ? 12 + question.length : LEAST[protocol];
  const wanted = (flow.size ?? 0) - IP_HEADER[family] - TRANSPORT_HEADER[protocol];
  const data = new Uint8Array(question ? least : Math.max(least, wanted));
  const marks = marksOf({
    protocol,
    family,
    magic,
    echo,
    sourcePort,
    port,
    ...(protocol === "tcp" && { carried: data.length }),
    ...(question && { question }),
  });
  if (protocol !== "tcp") data.set(magic);
  if (question) {
    data.set(be16(1), 4);
    data.set(question, 12);
  }
  const words = viewOf(echo);
  const ports = { sourcePort, destinationPort: port };
  const carries: Carried =
    protocol === "icmp"
      ? { kind: "echo-request", identifier: words.getUint16(0), sequence: words.getUint16(2), data }
      : protocol === "tcp"
        ? { kind: "tcp", ...ports, flags: "syn", sequence: viewOf(magic).getUint32(0), data }
        : { kind: "udp", ...ports, data };
  const dontFragment = flow.dontFragment ?? false;
  return { marks, packet: makePacket({ source, destination, carries, dontFragment }) };
}

/** RFC 1035 section 4.1.2, of type A and class IN. @throws RangeError for what is no name */
export function questionOf(name: string): Uint8Array {
  const labels = name.split(".").filter((label) => label !== "");
  const parts = labels.map((label) => new TextEncoder().encode(label));
  if (parts.some(({ length }) => length > 63))
    throw new RangeError(`not a name that can be asked for: ${name}`);
  return Uint8Array.from([...parts.flatMap((part) => [part.length, ...part]), 0, ...be16(1), ...be16(1)]);
}
