/** The kernel's functions by their addresses: `/proc/kallsyms`, proc(5). 5 MB, so it is read where something was seen. */
import { readFileSync } from "node:fs";
import { KernelError } from "../ffi.ts";

/** `ffffffff81000000 T _text`, and a tab and `[module]` behind that. */
const DIGITS = 16;
const NAME_AT = DIGITS + 3;
const CODE = new Set([..."tTwW"].map((letter) => letter.charCodeAt(0)));
const [NEWLINE, TAB] = [0x0a, 0x09];

/** What was found before: to read the file takes longer than a proof does, and few functions drop most packets. */
const known = new Map<bigint, string>();

/**
 * The functions that contain these addresses, as far as they can be told: where the reader may not see addresses
 * (kptr_restrict) there are none.
 * @throws KernelError ENOENT where /proc has no such file
 */
export function functionsAt(addresses: readonly bigint[]): ReadonlyMap<bigint, string> {
  if (addresses.every((address) => known.has(address))) return known;
  let symbols: Buffer;
  try {
    symbols = readFileSync("/proc/kallsyms");
  } catch (thrown) {
    throw KernelError.from("read the kernel's symbols", thrown);
  }
  for (const [address, name] of findFunctions(symbols, addresses)) known.set(address, name);
  return known;
}

/** Of the file's text: it is in order of address for the kernel itself, and for each module. */
export function findFunctions(symbols: Buffer, addresses: Iterable<bigint>): ReadonlyMap<bigint, string> {
  const wanted = [...new Set(addresses)].map((address) => ({
    address,
    text: Buffer.from(address.toString(16).padStart(DIGITS, "0"), "latin1"),
    best: -1,
  }));
  for (let at = 0; at + NAME_AT < symbols.length; at = symbols.indexOf(NEWLINE, at) + 1 || symbols.length) {
    if (!CODE.has(symbols[at + DIGITS + 1] ?? 0)) continue;
    for (const one of wanted) {
      if (symbols.compare(one.text, 0, DIGITS, at, at + DIGITS) > 0) continue;
      if (one.best < 0 || symbols.compare(symbols, one.best, one.best + DIGITS, at, at + DIGITS) >= 0)
        one.best = at;
    }
  }
  const found = new Map<bigint, string>();
  for (const { address, best } of wanted) {
    if (best < 0 || /^0+$/.test(symbols.toString("latin1", best, best + DIGITS))) continue;
    const line = symbols.subarray(best + NAME_AT, symbols.indexOf(NEWLINE, best));
    const tab = line.indexOf(TAB);
    found.set(address, line.toString("latin1", 0, tab < 0 ? line.length : tab));
  }
  return found;
}
