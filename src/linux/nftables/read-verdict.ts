/**
 * What is put into registers, linux/netfilter/nf_tables.h:
 * ```c
 * enum nft_data_attributes    { NFTA_DATA_UNSPEC, NFTA_DATA_VALUE, NFTA_DATA_VERDICT };
 * enum nft_verdict_attributes { NFTA_VERDICT_UNSPEC, NFTA_VERDICT_CODE, NFTA_VERDICT_CHAIN, NFTA_VERDICT_CHAIN_ID };
 * ```
 */
import { readCString } from "../bytes.ts";
import { attributeOf, attributesOf } from "../netlink/attribute.ts";
import { NFTA_DATA_VALUE } from "./attributes.ts";
import type { NftVerdict } from "./program.ts";
import { readBe32 } from "./read-numbers.ts";

const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;

const NFT_JUMP = -3;
const NFT_GOTO = -4;
/** enum nft_verdicts, and NF_* of linux/netfilter.h; of NF_QUEUE the number of the queue is in the upper half. */
const CODES = {
  0: "drop",
  1: "accept",
  2: "stolen",
  3: "queue",
  "-1": "continue",
  "-2": "break",
  "-5": "return",
} as const;
const VERDICT_MASK = 0xff;

export interface NftData {
  readonly value?: Uint8Array;
  readonly verdict?: NftVerdict;
}

/** The value of an attribute that holds `enum nft_data_attributes`. */
export function readData(bytes: Uint8Array | undefined): NftData {
  if (!bytes) return NOTHING;
  const value = attributeOf(bytes, NFTA_DATA_VALUE);
  if (value) return { value };
  const verdict = readVerdict(attributeOf(bytes, NFTA_DATA_VERDICT));
  return verdict ? { verdict } : NOTHING;
}

const NOTHING: NftData = {};

/** The value of an attribute that holds `enum nft_verdict_attributes`: of data, and of what is told of traced packets (`trace-message.ts`). */
export function readVerdict(bytes: Uint8Array | undefined): NftVerdict | undefined {
  const attributes = attributesOf(bytes);
  const word = readBe32(attributes.get(NFTA_VERDICT_CODE));
  if (word === undefined) return undefined;
  const code = word | 0;
  if (code === NFT_JUMP || code === NFT_GOTO) {
    const chain = attributes.get(NFTA_VERDICT_CHAIN);
    return chain && { code: code === NFT_JUMP ? "jump" : "goto", chain: readCString(chain) };
  }
  const known = CODES[(code < 0 ? code : code & VERDICT_MASK) as keyof typeof CODES];
  return known && { code: known };
}
