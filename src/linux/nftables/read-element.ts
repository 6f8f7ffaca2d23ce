/**
 * Elements of sets out of NFTA_SET_ELEM_LIST_ELEMENTS, linux/netfilter/nf_tables.h:
 * ```c
 * enum nft_set_elem_attributes {
 *   NFTA_SET_ELEM_UNSPEC, NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_DATA, NFTA_SET_ELEM_FLAGS, NFTA_SET_ELEM_TIMEOUT,
 *   NFTA_SET_ELEM_EXPIRATION, NFTA_SET_ELEM_USERDATA, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_PAD,
 *   NFTA_SET_ELEM_OBJREF, NFTA_SET_ELEM_KEY_END, NFTA_SET_ELEM_EXPRESSIONS,
 * };
 * ```
 * A published port is an element: there may be ten thousand, and somebody waits for the first answer. So the list is gone
 * through once, without a map for each.
 */
import { align4, LITTLE_ENDIAN, readCString, viewOf } from "../bytes.ts";
import type { NftElement } from "./program.ts";
import { listOf } from "./read-numbers.ts";
import { readExpression } from "./read-rule.ts";
import { readData } from "./read-verdict.ts";

const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_FLAGS = 3;
const NFTA_SET_ELEM_EXPR = 7;
const NFTA_SET_ELEM_OBJREF = 9;
const NFTA_SET_ELEM_KEY_END = 10;
const NFTA_SET_ELEM_EXPRESSIONS = 11;

const NFT_SET_ELEM_INTERVAL_END = 1;
const NFT_SET_ELEM_CATCHALL = 2;

const NLA_HDRLEN = 4;
const NLA_TYPE_MASK = 0x3fff;
const NFTA_DATA_VALUE = 1;

type Draft = { -readonly [Name in keyof NftElement]: NftElement[Name] };

/** Of catch-all elements. */
const NO_KEY = new Uint8Array();
const NONE: NftElement["expressions"] = [];

/** Keys and data are views of `list`. A broken tail is not read. */
export function readElements(list: Uint8Array): NftElement[] {
  const view = viewOf(list);
  const elements: NftElement[] = [];
  for (let at = 0; at + NLA_HDRLEN <= list.length; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < NLA_HDRLEN || at + length > list.length) break;
    elements.push(readElement(list, view, at + NLA_HDRLEN, at + length));
    at += align4(length);
  }
  return elements;
}

function readElement(list: Uint8Array, view: DataView, start: number, end: number): NftElement {
  const element: Draft = { key: NO_KEY, end: false, catchall: false, expressions: NONE };
  for (let at = start; at + NLA_HDRLEN <= end; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < NLA_HDRLEN || at + length > end) break;
    const type = view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
    take(element, type, list, view, at + NLA_HDRLEN, at + length);
    at += align4(length);
  }
  return element;
}

function take(to: Draft, type: number, list: Uint8Array, view: DataView, start: number, end: number): void {
  switch (type) {
    case NFTA_SET_ELEM_KEY:
      to.key = valueAt(list, view, start, end) ?? NO_KEY;
      break;
    case NFTA_SET_ELEM_KEY_END: {
      const value = valueAt(list, view, start, end);
      if (value) to.keyEnd = value;
      break;
    }
    case NFTA_SET_ELEM_DATA: {
      const value = valueAt(list, view, start, end);
      const verdict = value ? undefined : readData(list.subarray(start, end)).verdict;
      if (value) to.data = value;
      if (verdict) to.verdict = verdict;
      break;
    }
    case NFTA_SET_ELEM_FLAGS: {
      const flags = end - start === 4 ? view.getUint32(start) : 0;
      to.end = (flags & NFT_SET_ELEM_INTERVAL_END) !== 0;
      to.catchall = (flags & NFT_SET_ELEM_CATCHALL) !== 0;
      break;
    }
    case NFTA_SET_ELEM_OBJREF:
      to.object = readCString(list.subarray(start, end));
      break;
    case NFTA_SET_ELEM_EXPR:
      to.expressions = [readExpression(list.subarray(start, end))];
      break;
    case NFTA_SET_ELEM_EXPRESSIONS:
      to.expressions = listOf(list.subarray(start, end)).map(readExpression);
      break;
  }
}

/** NFTA_DATA_VALUE, the only attribute within; nothing where it is another. */
function valueAt(list: Uint8Array, view: DataView, start: number, end: number): Uint8Array | undefined {
  if (start + NLA_HDRLEN > end) return undefined;
  const length = view.getUint16(start, LITTLE_ENDIAN);
  const type = view.getUint16(start + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
  return type === NFTA_DATA_VALUE && length >= NLA_HDRLEN && start + length <= end
    ? list.subarray(start + NLA_HDRLEN, start + length)
    : undefined;
}
