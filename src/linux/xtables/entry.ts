/** One entry of a table: what it asks, its matches, and its target. `layout.ts` quotes the structures. */
import { addressFromBytes, type Family, widthOf } from "../../lib/ip.ts";
import { LITTLE_ENDIAN, readCString, viewOf } from "../bytes.ts";
import { EXTENSION, INVERTED, layoutOf } from "./layout.ts";
import { readPattern } from "./pattern.ts";
import type { XtAddresses, XtExtension, XtSelector } from "./types.ts";

export interface Entry {
  readonly selector: XtSelector;
  readonly matches: readonly XtExtension[];
  readonly target: XtExtension;
  readonly goto: boolean;
  readonly packets: bigint;
  /** In bytes, up to the next entry. */
  readonly length: number;
}

/** The entry at `at`; undefined where the bytes are none: it is cut off, or its parts lie outside each other. */
export function readEntry(family: Family, bytes: Uint8Array, at: number): Entry | undefined {
  const layout = layoutOf(family);
  if (at + layout.size > bytes.length) return undefined;
  const view = viewOf(bytes);
  const targetOffset = view.getUint16(at + layout.targetOffset, LITTLE_ENDIAN);
  const length = view.getUint16(at + layout.nextOffset, LITTLE_ENDIAN);
  if (at + length > bytes.length || targetOffset < layout.size || targetOffset >= length) return undefined;
  const matches = readExtensions(bytes.subarray(at + layout.size, at + targetOffset));
  const [target, ...more] = readExtensions(bytes.subarray(at + targetOffset, at + length)) ?? [];
  if (!matches || !target || more.length > 0) return undefined;
  const flags = bytes[at + layout.flags] ?? 0;
  return {
    selector: readSelector(family, bytes.subarray(at, at + layout.size)),
    matches,
    target,
    goto: (flags & layout.F_GOTO) !== 0,
    packets: view.getBigUint64(at + layout.counters, LITTLE_ENDIAN),
    length,
  };
}

/** One after the other, to the end of the bytes. */
function readExtensions(bytes: Uint8Array): XtExtension[] | undefined {
  const view = viewOf(bytes);
  const found: XtExtension[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + EXTENSION.data > bytes.length) return undefined;
    const size = view.getUint16(at + EXTENSION.size, LITTLE_ENDIAN);
    if (size < EXTENSION.data || at + size > bytes.length) return undefined;
    found.push({
      name: readCString(bytes.subarray(at + EXTENSION.name, at + EXTENSION.name + EXTENSION.nameSize)),
      revision: bytes[at + EXTENSION.revision] ?? 0,
      info: bytes.slice(at + EXTENSION.data, at + size),
    });
    at += size;
  }
  return found;
}

function readSelector(family: Family, entry: Uint8Array): XtSelector {
  const layout = layoutOf(family);
  const inverted = entry[layout.inverted] ?? 0;
  const flags = entry[layout.flags] ?? 0;
  const field = (offset: number, size: number) => entry.subarray(offset, offset + size);
  const addresses = (at: number, mask: number, bit: number) =>
    readAddresses(field(at, layout.addressSize), field(mask, layout.addressSize), (inverted & bit) !== 0);
  // Most rules leave most of it unasked: a mask that begins with zero is a link's that is not.
  const link = (name: number, mask: number, bit: number) =>
    entry[mask] || inverted & bit
      ? linkOf(readPattern(field(name, 16), field(mask, 16)), (inverted & bit) !== 0)
      : undefined;
  const source = addresses(layout.source, layout.sourceMask, INVERTED.source);
  const destination = addresses(layout.destination, layout.destinationMask, INVERTED.destination);
  const into = link(layout.inName, layout.inMask, INVERTED.in);
  const out = link(layout.outName, layout.outMask, INVERTED.out);
  const protocol = viewOf(entry).getUint16(layout.protocol, LITTLE_ENDIAN);
  return {
    ...(source && { source }),
    ...(destination && { destination }),
    ...(into && { in: into }),
    ...(out && { out }),
    ...(protocol !== 0 && { protocol: { number: protocol, not: (inverted & INVERTED.protocol) !== 0 } }),
    ...(flags & layout.F_FRAG && { fragment: { not: (inverted & INVERTED.fragment) !== 0 } }),
  };
}

/** `! -i +` is a question as well: it matches nothing. */
function linkOf(pattern: string | undefined, not: boolean): XtSelector["in"] {
  if (pattern !== undefined) return { pattern, not };
  return not ? { pattern: "+", not } : undefined;
}

function readAddresses(address: Uint8Array, mask: Uint8Array, not: boolean): XtAddresses | undefined {
  const length = lengthOf(mask);
  // `! -s 0.0.0.0/0` is a question as well: it matches nothing.
  if (length === 0 && !not) return undefined;
  const of = addressFromBytes(address);
  if (length !== undefined) return { prefix: { address: of, length }, not };
  return { prefix: { address: of, length: widthOf(of.family) }, mask: addressFromBytes(mask).bits, not };
}

/** How many ones a mask has, all at its beginning; undefined where they are elsewhere as well. */
function lengthOf(mask: Uint8Array): number | undefined {
  const whole = mask.findIndex((byte) => byte !== 0xff);
  if (whole < 0) return 8 * mask.length;
  const ones = Math.clz32(~((mask[whole] ?? 0) << 24));
  const plain =
    ((mask[whole] ?? 0) << ones) % 256 === 0 && mask.subarray(whole + 1).every((byte) => byte === 0);
  return plain ? 8 * whole + ones : undefined;
}
