/**
 * Sets and maps out of NFT_MSG_NEWSET, and their elements out of NFT_MSG_NEWSETELEM, linux/netfilter/nf_tables.h:
 * ```c
 * enum nft_set_attributes {
 *   NFTA_SET_UNSPEC, NFTA_SET_TABLE, NFTA_SET_NAME, NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN,
 *   NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN, NFTA_SET_POLICY, NFTA_SET_DESC, NFTA_SET_ID, NFTA_SET_TIMEOUT,
 *   NFTA_SET_GC_INTERVAL, NFTA_SET_USERDATA, NFTA_SET_PAD, NFTA_SET_OBJ_TYPE, NFTA_SET_HANDLE, …
 * };
 * enum nft_set_desc_attributes  { NFTA_SET_DESC_UNSPEC, NFTA_SET_DESC_SIZE, NFTA_SET_DESC_CONCAT };
 * enum nft_set_field_attributes { NFTA_SET_FIELD_UNSPEC, NFTA_SET_FIELD_LEN };
 * enum nft_set_elem_attributes {
 *   NFTA_SET_ELEM_UNSPEC, NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_DATA, NFTA_SET_ELEM_FLAGS, NFTA_SET_ELEM_TIMEOUT,
 *   NFTA_SET_ELEM_EXPIRATION, NFTA_SET_ELEM_USERDATA, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_PAD,
 *   NFTA_SET_ELEM_OBJREF, NFTA_SET_ELEM_KEY_END, NFTA_SET_ELEM_EXPRESSIONS,
 * };
 * ```
 */
import { readCString } from "../bytes.ts";
import { attributeOf, attributesOf } from "../netlink/attribute.ts";
import type { NftElement, NftSet } from "./program.ts";
import { be32Or0, lazy, listOf, nameOr, readBe32 } from "./read-numbers.ts";
import { readExpression } from "./read-rule.ts";
import { readData } from "./read-verdict.ts";

const NFTA_SET_NAME = 2;
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

const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_EXPR = 7;
const NFTA_SET_ELEM_OBJREF = 9;
const NFTA_SET_ELEM_KEY_END = 10;
const NFTA_SET_ELEM_EXPRESSIONS = 11;

const NFT_SET_ELEM_INTERVAL_END = 1;
const NFT_SET_ELEM_CATCHALL = 2;

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
    elements: lazy(() => lists.flatMap(listOf).map(readElement)),
  };
}

function readElement(bytes: Uint8Array): NftElement {
  const attributes = attributesOf(bytes);
  const flags = be32Or0(attributes.get(NFTA_SET_ELEM_FLAGS));
  const keyEnd = readData(attributes.get(NFTA_SET_ELEM_KEY_END)).value;
  const { value: data, verdict } = readData(attributes.get(NFTA_SET_ELEM_DATA));
  const object = attributes.get(NFTA_SET_ELEM_OBJREF);
  return {
    key: readData(attributes.get(NFTA_SET_ELEM_KEY)).value ?? NO_KEY,
    ...(keyEnd && { keyEnd }),
    end: (flags & NFT_SET_ELEM_INTERVAL_END) !== 0,
    ...(data && { data }),
    ...(verdict && { verdict }),
    ...(object && { object: readCString(object) }),
    catchall: (flags & NFT_SET_ELEM_CATCHALL) !== 0,
    expressions: expressionsOf(attributes),
  };
}

const NONE: NftElement["expressions"] = [];
/** Of catch-all elements. */
const NO_KEY = new Uint8Array();

function expressionsOf(attributes: ReadonlyMap<number, Uint8Array>): NftElement["expressions"] {
  const one = attributes.get(NFTA_SET_ELEM_EXPR);
  const many = attributes.get(NFTA_SET_ELEM_EXPRESSIONS);
  return one || many ? (one ? [one] : listOf(many)).map(readExpression) : NONE;
}
