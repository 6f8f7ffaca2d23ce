/**
 * Elements of nftables sets and maps over nfnetlink, without libnftables: that asks the kernel for its
 * tables and sets before every command.
 * A batch is a transaction: all of it, or nothing. One message takes as many elements of one set as its list
 * attribute can hold, about a thousand.
 */
import { lastOf, offset, type Prefix, widthOf } from "../../lib/ip.ts";
import { Writer } from "../bytes.ts";
import {
  attributeOf,
  attributesOf,
  MAX_VALUE,
  put,
  putNested,
  putString,
  readAttributes,
} from "../netlink/attribute.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import { NFGENMSG_SIZE, putNetfilter } from "../netlink/netfilter.ts";
import type { Request } from "../netlink/socket.ts";
import type { Datum, SetElement } from "../plan.ts";
import {
  NFT_MSG_GETSETELEM,
  NFT_SET_ELEM_INTERVAL_END,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
} from "./attributes.ts";
import { type Edge, putAddress, putData } from "./datum.ts";
import { NFPROTO, nftMessage } from "./transaction.ts";

const NFT_MSG_NEWSETELEM = nftMessage(12);
const NFT_MSG_DELSETELEM = nftMessage(14);

const NFTA_SET_ELEM_LIST_TABLE = 1;

type SetName = Pick<SetElement, "family" | "table" | "set">;

/**
 * One element, as its set takes it (`flags interval`): an interval is two elements in a set of single keys, of which
 * the second marks the first value beyond (there is none beyond the last of all), and one element with two
 * keys in a set of concatenations.
 */
function putElement(to: Writer, { key, value }: SetElement): void {
  const [only] = key;
  const ranged = key.some((datum) => "subnet" in datum);
  putNested(to, NFTA_LIST_ELEM, () => {
    putKey(to, NFTA_SET_ELEM_KEY, key, "first");
    if (value) putNested(to, NFTA_SET_ELEM_DATA, () => put(to, NFTA_DATA_VALUE, () => putData(to, value)));
    if (ranged && key.length > 1) putKey(to, NFTA_SET_ELEM_KEY_END, key, "last");
  });
  if (key.length === 1 && only && "subnet" in only) putEnd(to, only.subnet);
}

const putKey = (to: Writer, type: number, key: readonly Datum[], edge: Edge): void =>
  putNested(to, type, () => put(to, NFTA_DATA_VALUE, () => putData(to, key, edge)));

function putEnd(to: Writer, subnet: Prefix): void {
  const last = lastOf(subnet);
  if (last.bits === (1n << BigInt(widthOf(last.family))) - 1n) return;
  putNested(to, NFTA_LIST_ELEM, () => {
    putNested(to, NFTA_SET_ELEM_KEY, () => put(to, NFTA_DATA_VALUE, () => putAddress(to, offset(last, 1n))));
    put(to, NFTA_SET_ELEM_FLAGS, () => to.be32(NFT_SET_ELEM_INTERVAL_END));
  });
}

const scratch = new Writer();

/** The elements as lists, none longer than an attribute can hold. */
function pack(elements: readonly SetElement[]): Uint8Array[] {
  const lists: Uint8Array[] = [];
  scratch.clear();
  for (const element of elements) {
    const before = scratch.length;
    putElement(scratch, element);
    if (scratch.length <= MAX_VALUE) continue;
    const both = scratch.written();
    lists.push(both.slice(0, before));
    const last = both.slice(before);
    scratch.clear().bytes(last);
  }
  if (scratch.length > 0) lists.push(scratch.written().slice());
  return lists;
}

/** Elements of one set each, in the order in which the sets come first. */
export const bySet = (elements: readonly SetElement[]): SetElement[][] => [
  ...Map.groupBy(elements, ({ family, table, set }) => `${family} ${table} ${set}`).values(),
];

function requests(what: string, type: number, flags: number, elements: readonly SetElement[]): Request[] {
  return bySet(elements).flatMap(([first, ...rest]) => {
    if (!first) return [];
    return pack([first, ...rest]).map((list) => ({
      what,
      type,
      flags,
      body: (to: Writer) => {
        putNetfilter(to, NFPROTO[first.family]);
        putString(to, NFTA_SET_ELEM_LIST_TABLE, first.table);
        putString(to, NFTA_SET_ELEM_LIST_SET, first.set);
        putNested(to, NFTA_SET_ELEM_LIST_ELEMENTS, () => to.bytes(list));
      },
    }));
  });
}

/** Add elements that aren't there; EEXIST where one is. */
export const addElements = (what: string, elements: readonly SetElement[]): Request[] =>
  requests(what, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, elements);

/** Delete elements; ENOENT where one isn't there. */
export const deleteElements = (what: string, elements: readonly SetElement[]): Request[] =>
  requests(what, NFT_MSG_DELSETELEM, 0, elements);

/** Ask for all elements of a set: for `NetlinkSocket.dump`. ENOENT where it, or its table, isn't there. */
export const askElements = (what: string, { family, table, set }: SetName): Request => ({
  what,
  type: NFT_MSG_GETSETELEM,
  body: (to) => {
    putNetfilter(to, NFPROTO[family]);
    putString(to, NFTA_SET_ELEM_LIST_TABLE, table);
    putString(to, NFTA_SET_ELEM_LIST_SET, set);
  },
});

/** The elements that a message tells of: each by what sets it apart from others of its set. */
export function readElements(payload: Uint8Array): string[] {
  const list = attributeOf(payload.subarray(NFGENMSG_SIZE), NFTA_SET_ELEM_LIST_ELEMENTS);
  return list ? identitiesOf(list) : [];
}

/** The same of an element that is to be asked after: the two ends of an interval may be two of the kernel's elements. */
export function identify(element: SetElement): string[] {
  putElement(scratch.clear(), element);
  return identitiesOf(scratch.written());
}

const identitiesOf = (list: Uint8Array): string[] =>
  readAttributes(list).map(({ value }) => {
    const attributes = attributesOf(value);
    const key = hexOf(attributesOf(attributes.get(NFTA_SET_ELEM_KEY)).get(NFTA_DATA_VALUE));
    const keyEnd = hexOf(attributesOf(attributes.get(NFTA_SET_ELEM_KEY_END)).get(NFTA_DATA_VALUE));
    const flags = attributes.get(NFTA_SET_ELEM_FLAGS);
    // One key alone is a range of one.
    return `${key} ${keyEnd || key} ${flags && hexOf(flags) === INTERVAL_END ? "end" : ""}`;
  });

const INTERVAL_END = "00000001";
const hexOf = (bytes: Uint8Array = new Uint8Array()): string => Buffer.from(bytes).toString("hex");
