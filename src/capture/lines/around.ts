/** What a decoder of a payload is told of what is around it. */
import { type Address, formatAddress } from "../../lib/ip.ts";
import type { NameOf } from "../names.ts";
import { harmless } from "./text.ts";

export interface Around {
  readonly nameOf: NameOf;
  readonly source: Address;
  readonly destination: Address;
  /** Bytes of the payload as it was sent: more than there are where the packet was cut. */
  readonly length: number;
}

/** A name in place of an address, where it has one. */
export const called = (nameOf: NameOf, address: Address): string =>
  harmless(nameOf(address) ?? formatAddress(address));

/** `172.17.0.2.34567 > web.80`. */
export const ends = (around: Around, ports?: readonly [number, number]): string => {
  const source = called(around.nameOf, around.source);
  const destination = called(around.nameOf, around.destination);
  return ports ? `${source}.${ports[0]} > ${destination}.${ports[1]}` : `${source} > ${destination}`;
};
