/** Text out of packets, that a terminal may be shown: whoever sends packets chooses their bytes. */

/** Shown in place of what was not kept, or never sent. */
export const CUT = "[cut short]";

/** Printable ASCII but blanks and the backslash; the rest as `\` and three digits, RFC 1035 5.1. */
export const printable = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) =>
    byte > 0x20 && byte < 0x7f && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\${String(byte).padStart(3, "0")}`,
  ).join("");

/** A name that somebody here chose, and that was never meant to move a terminal's cursor. */
export const harmless = (name: string): string =>
  name.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );

/** `0x1a2b`. */
export const hex = (number: number, digits: number): string =>
  `0x${number.toString(16).padStart(digits, "0")}`;

/** `name`, or what is its number. */
export const nameFor = (names: Readonly<Record<number, string>>, number: number, kind: string): string =>
  names[number] ?? `${kind} ${number}`;
