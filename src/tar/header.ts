/**
 * The 512-byte header of a tar entry, POSIX ustar with GNU's extensions (tar(5), GNU tar manual, "Basic
 * Tar Format"). Names are byte strings: one character a byte, so that no name is lost for not being UTF-8.
 *
 *     struct posix_header {        // offset
 *       char name[100];            //   0
 *       char mode[8];              // 100  octal
 *       char uid[8];               // 108  octal, or base-256 with the high bit set
 *       char gid[8];               // 116
 *       char size[12];             // 124
 *       char mtime[12];            // 136
 *       char chksum[8];            // 148  sum of all bytes, these eight taken as spaces
 *       char typeflag;             // 156
 *       char linkname[100];        // 157
 *       char magic[6];             // 257  "ustar\0", GNU: "ustar "
 *       char version[2];           // 263  "00", GNU: " \0"
 *       char uname[32];            // 265
 *       char gname[32];            // 297
 *       char devmajor[8];          // 329
 *       char devminor[8];          // 337
 *       char prefix[155];          // 345  not in GNU headers
 *     };
 */
import { invalid } from "../lib/errors.ts";

export const BLOCK = 512;

export interface Header {
  readonly name: string;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of data that follow in the archive. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** One character: `0` file, `1` hard link, `2` symlink, `5` directory, `x` pax …; `0` for NUL. */
  readonly typeflag: string;
  readonly linkname: string;
  readonly major: number;
  readonly minor: number;
}

const text = (block: Buffer, offset: number, length: number): string => {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end < 0 ? length : end);
};

/** An octal number, or a base-256 one in two's complement where the first bit is set. */
function number(block: Buffer, offset: number, length: number, what: string): number {
  const field = block.subarray(offset, offset + length);
  const first = field[0] ?? 0;
  if (first & 0x80) {
    // The first bit is the mark, the second the sign.
    let value = BigInt(first & 0x40 ? (first | 0x80) - 0x100 : first & 0x7f);
    for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte);
    return safe(Number(value), what);
  }
  const digits = field.toString("latin1").replace(/\0.*$/s, "").trim();
  if (!/^[0-7]*$/.test(digits))
    throw invalid(`tar header: ${what} is not a number: ${JSON.stringify(digits)}`);
  return safe(Number.parseInt(digits || "0", 8), what);
}

function safe(value: number, what: string): number {
  if (!Number.isSafeInteger(value)) throw invalid(`tar header: ${what} is out of range: ${value}`);
  return value;
}

function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i += 1) sum += block[i] ?? 0;
  for (let i = 156; i < BLOCK; i += 1) sum += block[i] ?? 0;
  return sum;
}

export const isZero = (block: Buffer): boolean => block.every((byte) => byte === 0);

/** @throws invalid where the checksum is wrong or a number is none */
export function decodeHeader(block: Buffer): Header {
  if (number(block, 148, 8, "checksum") !== checksum(block)) {
    throw invalid("tar header: wrong checksum: this is no tar archive, or a damaged one");
  }
  const posix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = posix ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const typeflag = block[156] === 0 ? "0" : text(block, 156, 1);
  const size = number(block, 124, 12, "size");
  if (size < 0) throw invalid(`tar header: size is negative: ${size}`);
  const device = typeflag === "3" || typeflag === "4";
  return {
    name: prefix ? `${prefix}/${name}` : name,
    mode: number(block, 100, 8, "mode") & 0o7777,
    uid: number(block, 108, 8, "uid"),
    gid: number(block, 116, 8, "gid"),
    size,
    mtime: number(block, 136, 12, "mtime"),
    typeflag,
    linkname: text(block, 157, 100),
    // Only devices have these; other writers leave anything there.
    major: device ? number(block, 329, 8, "devmajor") : 0,
    minor: device ? number(block, 337, 8, "devminor") : 0,
  };
}

/** Whether a header can say this without help from a pax record. */
export const fits = {
  name: (name: string): boolean => name.length <= 100,
  id: (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0o7777777,
  size: (value: number): boolean => value >= 0 && value <= 0o77777777777,
  mtime: (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 0o77777777777,
};

/** What does not fit (see `fits`) is cut short or written as 0: a pax record before this header says it in full. */
export function encodeHeader(header: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number, fit: boolean) =>
    block.write((fit ? value : 0).toString(8).padStart(length - 1, "0"), offset, "latin1");
  block.write(header.name.slice(0, 100), 0, "latin1");
  octal(header.mode, 100, 8, true);
  octal(header.uid, 108, 8, fits.id(header.uid));
  octal(header.gid, 116, 8, fits.id(header.gid));
  octal(header.size, 124, 12, fits.size(header.size));
  octal(header.mtime, 136, 12, fits.mtime(header.mtime));
  block.write(header.typeflag, 156, "latin1");
  block.write(header.linkname.slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(header.major, 329, 8, fits.id(header.major));
  octal(header.minor, 337, 8, fits.id(header.minor));
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
