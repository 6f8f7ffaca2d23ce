/**
 * Pax records: `<length> <key>=<value>\n`, where the length in decimal counts the whole record, itself
 * included (pax(1), "pax Header Block"). Values are bytes: extended attributes are not text.
 */
import { invalid } from "../lib/errors.ts";

/** In order, repetitions kept: GNU's sparse format 0.0 says one key many times. */
export type PaxRecords = readonly (readonly [key: string, value: Buffer])[];

/** @throws invalid */
export function decodePax(bytes: Buffer): PaxRecords {
  const records: [string, Buffer][] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = bytes.toString("latin1", at, space < 0 ? at : Math.min(space, at + 10));
    const end = at + Number(/^[0-9]+$/.test(digits) ? digits : Number.NaN);
    const equals = bytes.indexOf(0x3d, space + 1);
    if (!(equals > space && equals < end && end <= bytes.length && bytes[end - 1] === 0x0a)) {
      throw invalid(`tar: damaged pax record at byte ${at} of its header`);
    }
    records.push([bytes.toString("latin1", space + 1, equals), bytes.subarray(equals + 1, end - 1)]);
    at = end;
  }
  return records;
}

export function encodePax(records: PaxRecords): Buffer {
  return Buffer.concat(
    records.map(([key, value]) => {
      const body = Buffer.concat([Buffer.from(` ${key}=`, "latin1"), value, Buffer.from("\n")]);
      let length = body.length + String(body.length).length;
      // The length's own digits may have made it a digit longer.
      if (String(length).length > String(body.length).length) length = body.length + String(length).length;
      return Buffer.concat([Buffer.from(String(length)), body]);
    }),
  );
}
