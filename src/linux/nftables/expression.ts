/**
 * What rules are made of, linux/netfilter/nf_tables.h. An expression has a name and attributes of its own:
 * ```c
 * enum nft_expr_attributes      { NFTA_EXPR_UNSPEC, NFTA_EXPR_NAME, NFTA_EXPR_DATA };
 * enum nft_payload_attributes   { NFTA_PAYLOAD_UNSPEC, NFTA_PAYLOAD_DREG, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET,
 *                                 NFTA_PAYLOAD_LEN, NFTA_PAYLOAD_SREG, NFTA_PAYLOAD_CSUM_TYPE,
 *                                 NFTA_PAYLOAD_CSUM_OFFSET, NFTA_PAYLOAD_CSUM_FLAGS };
 * enum nft_meta_attributes      { NFTA_META_UNSPEC, NFTA_META_DREG, NFTA_META_KEY };
 * enum nft_cmp_attributes       { NFTA_CMP_UNSPEC, NFTA_CMP_SREG, NFTA_CMP_OP, NFTA_CMP_DATA };
 * enum nft_immediate_attributes { NFTA_IMMEDIATE_UNSPEC, NFTA_IMMEDIATE_DREG, NFTA_IMMEDIATE_DATA };
 * enum nft_data_attributes      { NFTA_DATA_UNSPEC, NFTA_DATA_VALUE };
 * ```
 * Numbers are be32; data lie as they do in packets. All expressions here use one register.
 */
import type { Writer } from "../bytes.ts";
import { put, putBe32, putNested, putString } from "../netlink/attribute.ts";
import type { Datum } from "../plan.ts";
import {
  NFT_CMP_EQ,
  NFT_META_L4PROTO,
  NFT_REG_1,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_DATA_VALUE,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LIST_ELEM,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
} from "./attributes.ts";
import { putData } from "./datum.ts";

const NFTA_PAYLOAD_SREG = 5;
const NFTA_PAYLOAD_CSUM_TYPE = 6;
const NFTA_PAYLOAD_CSUM_OFFSET = 7;

const NFT_PAYLOAD_CSUM_INET = 1;

/** enum nft_payload_bases. */
const BASES = { network: 1, transport: 2 } as const;

/** Bytes of a header, by where they begin and how many they are. */
export interface Field {
  readonly header: keyof typeof BASES;
  readonly offset: number;
  readonly length: number;
}

export function putExpression(to: Writer, name: string, attributes: () => void): void {
  putNested(to, NFTA_LIST_ELEM, () => {
    putString(to, NFTA_EXPR_NAME, name);
    putNested(to, NFTA_EXPR_DATA, attributes);
  });
}

function putField(to: Writer, { header, offset, length }: Field): void {
  putBe32(to, NFTA_PAYLOAD_BASE, BASES[header]);
  putBe32(to, NFTA_PAYLOAD_OFFSET, offset);
  putBe32(to, NFTA_PAYLOAD_LEN, length);
}

const putDatum = (to: Writer, type: number, datum: Datum): void =>
  putNested(to, type, () => put(to, NFTA_DATA_VALUE, () => putData(to, [datum])));

function putEquals(to: Writer, datum: Datum): void {
  putExpression(to, "cmp", () => {
    putBe32(to, NFTA_CMP_SREG, NFT_REG_1);
    putBe32(to, NFTA_CMP_OP, NFT_CMP_EQ);
    putDatum(to, NFTA_CMP_DATA, datum);
  });
}

/** Go on where a field of the packet is this: `ip daddr 127.0.0.11`. */
export function putFieldIs(to: Writer, field: Field, datum: Datum): void {
  putExpression(to, "payload", () => {
    putBe32(to, NFTA_PAYLOAD_DREG, NFT_REG_1);
    putField(to, field);
  });
  putEquals(to, datum);
}

/** Go on where the packet is of this protocol, 6 tcp, 17 udp: `meta l4proto`, which nft implies in `udp dport`. */
export function putProtocolIs(to: Writer, protocol: number): void {
  putExpression(to, "meta", () => {
    putBe32(to, NFTA_META_KEY, NFT_META_L4PROTO);
    putBe32(to, NFTA_META_DREG, NFT_REG_1);
  });
  putEquals(to, { protocol });
}

/**
 * Write a field of the packet: `udp dport set 53`.
 * @param checksumAt of the internet checksum (RFC 1071) in the same header that covers the field
 */
export function putFieldSet(to: Writer, field: Field, datum: Datum, checksumAt: number): void {
  putExpression(to, "immediate", () => {
    putBe32(to, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    putDatum(to, NFTA_IMMEDIATE_DATA, datum);
  });
  putExpression(to, "payload", () => {
    putBe32(to, NFTA_PAYLOAD_SREG, NFT_REG_1);
    putField(to, field);
    putBe32(to, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
    putBe32(to, NFTA_PAYLOAD_CSUM_OFFSET, checksumAt);
  });
}
