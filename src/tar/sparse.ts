/**
 * Where the data of a sparse file belongs, in each of the ways that GNU tar has written it (GNU tar
 * manual, "Storing Sparse Files").
 */
import { invalid } from "../lib/errors.ts";

/** A run of data; between runs are holes. */
export interface Run {
  readonly offset: number;
  readonly length: number;
}

export interface SparseMap {
  /** In ascending order, without overlap. */
  readonly runs: readonly Run[];
  /** Bytes of the file, holes included. */
  readonly size: number;
}

/** @throws invalid where runs overlap, lie outside the file, or don't add up to the archived bytes */
export function checkedMap(numbers: readonly number[], size: number, archived: number): SparseMap {
  if (!(Number.isSafeInteger(size) && size >= 0) || numbers.length % 2 !== 0) {
    throw invalid("tar: damaged sparse map");
  }
  const runs: Run[] = [];
  let end = 0;
  let total = 0;
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    const offset = numbers[i] ?? -1;
    const length = numbers[i + 1] ?? -1;
    if (!(offset >= end && length >= 0 && offset + length <= size)) throw invalid("tar: damaged sparse map");
    end = offset + length;
    total += length;
    // The last run may be empty: it only says where the file ends.
    if (length > 0) runs.push({ offset, length });
  }
  if (total !== archived) {
    throw invalid(`tar: a sparse map speaks of ${total} bytes and the archive holds ${archived}`);
  }
  return { runs, size };
}

/** Pax formats 0.0 (one record a number) and 0.1 (one record, numbers between commas): what they say, if they do. */
export function numbersOfPax(records: readonly (readonly [string, Buffer])[]): readonly number[] | undefined {
  const said = records.flatMap(([key, value]) => {
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") return [value.toString("latin1")];
    if (key === "GNU.sparse.map") return value.toString("latin1").split(",");
    return [];
  });
  return said.length === 0 ? undefined : said.map(decimal);
}

export function decimal(digits: string): number {
  const value = /^[0-9]{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalid(`tar: not a number: ${JSON.stringify(digits)}`);
  return value;
}

/**
 * Old GNU format: pairs of offset[12] and numbytes[12] in octal, four from byte 386 of the header, then a
 * flag at 482 and realsize[12] at 483; each block that follows while the flag is set holds 21 pairs and
 * its own flag at 504.
 */
export const OLD_GNU = {
  header: { pairs: 386, count: 4, flag: 482, realSize: 483 },
  extension: { pairs: 0, count: 21, flag: 504 },
} as const;

export function pairsOfBlock(
  block: Buffer,
  at: { readonly pairs: number; readonly count: number },
): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < 2 * at.count; i += 1) {
    const start = at.pairs + 12 * i;
    // A pair that begins with NUL is not in use.
    if (i % 2 === 0 && block[start] === 0) break;
    numbers.push(octal(block, start));
  }
  return numbers;
}

export function octal(block: Buffer, start: number): number {
  const field = block.subarray(start, start + 12);
  // Base-256, as for the sizes of large files.
  if ((field[0] ?? 0) & 0x80) return Number(field.readBigUInt64BE(4));
  const digits = field.toString("latin1").replace(/\0.*$/s, "").trim();
  if (!/^[0-7]+$/.test(digits)) throw invalid("tar: damaged sparse map");
  return Number.parseInt(digits, 8);
}
