/**
 * Names of links as rules ask for them: sixteen bytes of name and sixteen of mask. A mask of ones up to the name's NUL asks
 * for that very name; a shorter one for all names that begin like it, written with a `+`.
 */
import { readCString } from "../bytes.ts";
import { IFNAMSIZ } from "../socket-constants.ts";

/** Undefined where any will do. */
export function readPattern(name: Uint8Array, mask: Uint8Array): string | undefined {
  const counts = mask.lastIndexOf(0xff) + 1;
  if (counts === 0) return undefined;
  const asked = name.subarray(0, counts);
  const whole = asked.includes(0) || counts === IFNAMSIZ;
  return whole ? readCString(asked) : `${readCString(asked)}+`;
}

/** Name and mask, as iptables(8) writes them: the `+` is in the name, and does not count. */
export function patternBytes(pattern: string): readonly [Uint8Array, Uint8Array] {
  const [name, mask] = [new Uint8Array(IFNAMSIZ), new Uint8Array(IFNAMSIZ)];
  const { written } = new TextEncoder().encodeInto(pattern, name.subarray(0, IFNAMSIZ - 1));
  if (pattern !== "") mask.fill(0xff, 0, pattern.endsWith("+") ? written - 1 : written + 1);
  return [name, mask];
}
