/** The mirror of the reader: ustar headers, with a pax header before those that don't say it all. */
import type { TarEntry } from "./entry.ts";
import { TYPEFLAG, XATTR } from "./entry.ts";
import { BLOCK, encodeHeader, fits } from "./header.ts";
import { encodePax } from "./pax.ts";

/** Two zero blocks end an archive. */
export const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK);

/** Zeros to the next block, after `size` bytes of data. */
export const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** The headers of an entry; for a file its data follow, `size` bytes and their padding. */
export function encodeEntry(entry: TarEntry): Buffer {
  const pax: [string, Buffer][] = [];
  const say = (key: string, value: string | number) => pax.push([key, Buffer.from(String(value), "latin1")]);
  if (!fits.name(entry.name)) say("path", entry.name);
  if (!fits.name(entry.linkname)) say("linkpath", entry.linkname);
  if (!fits.size(entry.size)) say("size", entry.size);
  if (!fits.id(entry.uid)) say("uid", entry.uid);
  if (!fits.id(entry.gid)) say("gid", entry.gid);
  if (!fits.mtime(entry.mtime)) say("mtime", decimalSeconds(entry.mtime));
  for (const [key, value] of entry.xattrs) pax.push([XATTR + key, value]);
  const header = encodeHeader({ ...entry, typeflag: TYPEFLAG[entry.type] });
  if (pax.length === 0) return header;
  const records = encodePax(pax);
  return Buffer.concat([
    encodeHeader({
      name: "PaxHeaders/entry",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: records.length,
      mtime: 0,
      typeflag: "x",
      linkname: "",
      major: 0,
      minor: 0,
    }),
    records,
    padding(records.length),
    header,
  ]);
}

/** Never in exponents, which no reader of tar expects. */
const decimalSeconds = (seconds: number): string =>
  Number.isInteger(seconds) ? String(seconds) : seconds.toFixed(9);
