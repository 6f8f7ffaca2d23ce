/**
 * Keys and values of sets and maps as they lie in nftables' registers: numbers in network order, a link's
 * name padded to its full size; of a concatenation, each part padded to whole registers of four bytes.
 */
import { type Address, firstOf, lastOf, macBytes } from "../../lib/ip.ts";
import { align4, type Writer } from "../bytes.ts";
import type { Datum } from "../plan.ts";
import { IFNAMSIZ } from "../socket-constants.ts";

const NFPROTO = { ipv4: 2, ipv6: 10 } as const;

const encoder = new TextEncoder();

/** Of a subnet, which of its addresses: they are the ends of an interval. Other data have one value. */
export type Edge = "first" | "last";

export function putData(to: Writer, data: readonly Datum[], edge: Edge = "first"): void {
  for (const datum of data) {
    const start = to.length;
    putDatum(to, datum, edge);
    const size = to.length - start;
    if (data.length > 1) to.zeros(align4(size) - size);
  }
}

function putDatum(to: Writer, datum: Datum, edge: Edge): void {
  if ("address" in datum) putAddress(to, datum.address);
  else if ("port" in datum) to.be16(datum.port);
  else if ("protocol" in datum) to.u8(datum.protocol);
  else if ("ifname" in datum) putName(to, datum.ifname);
  else if ("mac" in datum) to.bytes(macBytes(datum.mac));
  else if ("nfproto" in datum) to.u8(NFPROTO[datum.nfproto]);
  else putAddress(to, edge === "first" ? firstOf(datum.subnet) : lastOf(datum.subnet));
}

export function putAddress(to: Writer, { family, bits }: Address): void {
  if (family === 4) to.be32(Number(bits));
  else to.be64(bits >> 64n).be64(BigInt.asUintN(64, bits));
}

function putName(to: Writer, name: string): void {
  const bytes = encoder.encode(name);
  if (bytes.length === 0 || bytes.length >= IFNAMSIZ) throw new RangeError(`no link can be named ${name}`);
  to.bytes(bytes).zeros(IFNAMSIZ - bytes.length);
}
