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
import { NLA_HDRLEN, NLA_TYPE_MASK } from "../netlink/attribute.ts";
import {
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
} from "./attributes.ts";
import type { NftElement } from "./program.ts";
import { listOf } from "./read-numbers.ts";
import { readExpression } from "./read-rule.ts";
import { readData } from "./read-verdict.ts";

const NFTA_SET_ELEM_EXPR = 7;
const NFTA_SET_ELEM_OBJREF = 9;
const NFTA_SET_ELEM_EXPRESSIONS = 11;

const NFT_SET_ELEM_CATCHALL = 2;

type Draft = { -readonly [Name in keyof NftElement]: NftElement[Name] };

/** Of catch-all elements. */
const NO_KEY = new Uint8Array();
const NONE: NftElement["expressions"] = [];

/** Keys and data are views of `list`. A broken tail is not read. */
export function readElements(list: Uint8Array): NftElement[] {
  const elements: NftElement[] = [];
  search(list, (view, start, end) => {
    elements.push(readElement(list, view, start, end));
    return false;
  });
  return elements;
}

/** The element of exactly this key, or without a key the catch-all one; the others are passed over, and not decoded. */
export function findElement(list: Uint8Array, key: Uint8Array | undefined): NftElement | undefined {
  let found: NftElement | undefined;
  search(list, (view, start, end) => {
    if (!hasKey(list, view, start, end, key)) return false;
    const element = readElement(list, view, start, end);
    if (key !== undefined || element.catchall) found = element;
    return found !== undefined;
  });
  return found;
}

/** From element to element, until one is what is looked for. */
function search(list: Uint8Array, take: (view: DataView, start: number, end: number) => boolean): void {
  const view = viewOf(list);
  for (let at = 0; at + NLA_HDRLEN <= list.length; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < NLA_HDRLEN || at + length > list.length) break;
    if (take(view, at + NLA_HDRLEN, at + length)) break;
    at += align4(length);
  }
}

/** Whether an element has this key, or none. */
function hasKey(
  list: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  key: Uint8Array | undefined,
): boolean {
  for (let at = start; at + NLA_HDRLEN <= end; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < NLA_HDRLEN || at + length > end) break;
    if ((view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK) === NFTA_SET_ELEM_KEY)
      return key !== undefined && isValue(list, view, at + NLA_HDRLEN, at + length, key);
    at += align4(length);
  }
  return key === undefined;
}

/** The same as comparing `valueAt`, which makes a view for each. */
function isValue(list: Uint8Array, view: DataView, start: number, end: number, value: Uint8Array): boolean {
  if (start + NLA_HDRLEN > end || view.getUint16(start, LITTLE_ENDIAN) !== NLA_HDRLEN + value.length)
    return false;
  if ((view.getUint16(start + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK) !== NFTA_DATA_VALUE) return false;
  const first = start + NLA_HDRLEN;
  if (first + value.length > end) return false;
  // From the end: keys of a set begin alike.
  for (let i = value.length - 1; i >= 0; i -= 1) if (list[first + i] !== value[i]) return false;
  return true;
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
