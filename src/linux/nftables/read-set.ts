/**
 * Sets and maps out of NFT_MSG_NEWSET, linux/netfilter/nf_tables.h:
 * ```c
 * enum nft_set_attributes {
 *   NFTA_SET_UNSPEC, NFTA_SET_TABLE, NFTA_SET_NAME, NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN,
 *   NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN, NFTA_SET_POLICY, NFTA_SET_DESC, NFTA_SET_ID, NFTA_SET_TIMEOUT,
 *   NFTA_SET_GC_INTERVAL, NFTA_SET_USERDATA, NFTA_SET_PAD, NFTA_SET_OBJ_TYPE, NFTA_SET_HANDLE, …
 * };
 * enum nft_set_desc_attributes  { NFTA_SET_DESC_UNSPEC, NFTA_SET_DESC_SIZE, NFTA_SET_DESC_CONCAT };
 * enum nft_set_field_attributes { NFTA_SET_FIELD_UNSPEC, NFTA_SET_FIELD_LEN };
 * ```
 */
import { memo } from "../../lib/memo.ts";
import { attributeOf, attributesOf } from "../netlink/attribute.ts";
import { NFTA_SET_NAME } from "./attributes.ts";
import type { NftSet } from "./program.ts";
import { findElement, readElements } from "./read-element.ts";
import { be32Or0, listOf, nameOr, readBe32 } from "./read-numbers.ts";

const NFTA_SET_FLAGS = 3;
const NFTA_SET_KEY_TYPE = 4;
const NFTA_SET_KEY_LEN = 5;
const NFTA_SET_DATA_TYPE = 6;
const NFTA_SET_DESC = 9;
const NFTA_SET_OBJ_TYPE = 15;
const NFTA_SET_DESC_CONCAT = 2;
const NFTA_SET_FIELD_LEN = 1;

const NFT_SET_ANONYMOUS = 0x1;
const NFT_SET_INTERVAL = 0x4;
const NFT_SET_MAP = 0x8;
const NFT_SET_TIMEOUT = 0x10;
const NFT_SET_EVAL = 0x20;
const NFT_SET_OBJECT = 0x40;
const NFT_SET_CONCAT = 0x80;

/** @param lists values of NFTA_SET_ELEM_LIST_ELEMENTS as they came, of memory that stays: decoded at first use */
export function readSet(attributes: ReadonlyMap<number, Uint8Array>, lists: readonly Uint8Array[]): NftSet {
  const flags = be32Or0(attributes.get(NFTA_SET_FLAGS));
  const concatenated = attributesOf(attributes.get(NFTA_SET_DESC)).get(NFTA_SET_DESC_CONCAT);
  const dataType = readBe32(attributes.get(NFTA_SET_DATA_TYPE));
  const objectType = readBe32(attributes.get(NFTA_SET_OBJ_TYPE));
  return {
    name: nameOr(attributes.get(NFTA_SET_NAME), ""),
    anonymous: (flags & NFT_SET_ANONYMOUS) !== 0,
    map: (flags & (NFT_SET_MAP | NFT_SET_OBJECT)) !== 0,
    interval: (flags & NFT_SET_INTERVAL) !== 0,
    concatenation: (flags & NFT_SET_CONCAT) !== 0,
    fields: listOf(concatenated).map((field) => be32Or0(attributeOf(field, NFTA_SET_FIELD_LEN))),
    dynamic: (flags & (NFT_SET_EVAL | NFT_SET_TIMEOUT)) !== 0,
    keyType: be32Or0(attributes.get(NFTA_SET_KEY_TYPE)),
    keyLength: be32Or0(attributes.get(NFTA_SET_KEY_LEN)),
    ...(dataType !== undefined && { dataType }),
    ...(objectType !== undefined && { objectType }),
    elements: memo(() => lists.flatMap(readElements)),
    find: (key) => {
      for (const list of lists) {
        const found = findElement(list, key);
        if (found) return found;
      }
      return undefined;
    },
  };
}
