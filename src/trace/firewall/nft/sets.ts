/** What is in a set: searched at first, and found by an index once there are more lookups than a few. */
import { memo, memoBy } from "../../../lib/memo.ts";
import type { NftElement, NftSet } from "../../../linux/nftables/program.ts";

type Index = (key: Uint8Array) => NftElement | undefined;

/** Lookups of a set after which an index of it pays. */
const FEW = 8;

/** The element that a key falls to, the catch-all one where no other takes it. */
export const lookUp = (set: NftSet, key: Uint8Array): NftElement | undefined => finderOf(set)(key);

const finderOf = memoBy((set: NftSet): Index => {
  const catchall = memo(() =>
    set.find ? set.find(undefined) : set.elements().find((element) => element.catchall),
  );
  const index = memo(() => indexOf(set));
  let asked = 0;
  return (key) => {
    asked += 1;
    const searched = asked <= FEW && isPlain(set) ? set.find : undefined;
    return (searched ? searched(key) : index()(key)) ?? catchall();
  };
});

/** Of keys that are equal or are not. */
const isPlain = ({ interval, concatenation }: NftSet): boolean => !interval && !concatenation;

function indexOf(set: NftSet): Index {
  const elements = set.elements().filter(({ catchall }) => !catchall);
  if (set.concatenation || elements.some(({ keyEnd }) => keyEnd)) return byRanges(elements, fieldsOf(set));
  return set.interval ? byBoundaries(elements) : byKey(elements);
}

/** nft_set_hash.c, nft_set_bitmap.c. By a number: there may be ten thousand, and a text for each takes its time. */
function byKey(elements: readonly NftElement[]): Index {
  const buckets = new Map<number, NftElement | NftElement[]>();
  for (const element of elements) {
    const hash = hashOf(element.key);
    const before = buckets.get(hash);
    if (before === undefined) buckets.set(hash, element);
    else if (Array.isArray(before)) before.push(element);
    else buckets.set(hash, [before, element]);
  }
  return (key) => {
    const bucket = buckets.get(hashOf(key));
    return bucket && [bucket].flat().find((element) => Buffer.compare(element.key, key) === 0);
  };
}

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ (key[at] ?? 0), 0x01000193);
  return hash;
}

/** nft_set_rbtree.c: the last boundary at or before the key says whether it is within. */
function byBoundaries(elements: readonly NftElement[]): Index {
  const boundaries = [...elements].sort(
    // Where one interval ends at the first value of the next, the next one has it.
    (a, b) => Buffer.compare(a.key, b.key) || Number(b.end) - Number(a.end),
  );
  return (key) => {
    let [low, high] = [0, boundaries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const boundary = boundaries[middle];
      if (boundary && Buffer.compare(boundary.key, key) <= 0) low = middle + 1;
      else high = middle;
    }
    const last = boundaries[low - 1];
    return last && !last.end ? last : undefined;
  };
}

interface Field {
  readonly at: number;
  readonly length: number;
}

/** nft_set_pipapo.c: each field within a range of its own. */
function byRanges(elements: readonly NftElement[], fields: readonly Field[]): Index {
  const within = ({ key, keyEnd = key }: NftElement, wanted: Uint8Array) =>
    fields.every(({ at, length }) => {
      const field = wanted.subarray(at, at + length);
      return (
        Buffer.compare(key.subarray(at, at + length), field) <= 0 &&
        Buffer.compare(field, keyEnd.subarray(at, at + length)) <= 0
      );
    });
  return (key) => elements.find((element) => within(element, key));
}

/** Fields begin at whole registers. */
function fieldsOf({ fields, keyLength }: NftSet): Field[] {
  if (fields.length === 0) return [{ at: 0, length: keyLength }];
  let next = 0;
  return fields.map((length) => {
    const at = next;
    next += Math.ceil(length / 4) * 4;
    return { at, length };
  });
}
