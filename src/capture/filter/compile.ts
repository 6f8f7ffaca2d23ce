/** From words to what the kernel runs on each packet, once for each kind of frame and each way. */
import { compileFilter } from "../../linux/pcap-library.ts";
import { linkTypeOf } from "../link-types.ts";
import type { FilterProgram, Tapped } from "../types.ts";
import { ofWay, takeAll } from "./program.ts";

/**
 * @param words in libpcap's syntax, pcap-filter(7); all packets where empty
 * @returns the program for a link
 * @throws invalid where the words are wrong, at the first link that asks; Error where libpcap is not installed
 */
export function filterFor(words: string, snapLength: number): (tapped: Tapped) => FilterProgram {
  const compiled = new Map<string, FilterProgram>();
  return ({ hardware, name, only }) => {
    const { dlt } = linkTypeOf(hardware, name);
    const key = `${dlt} ${only}`;
    const known = compiled.get(key);
    if (known) return known;
    const all = words === "" ? takeAll(snapLength) : compileFilter(words, dlt, snapLength);
    const program = only === undefined ? all : ofWay(only, all);
    compiled.set(key, program);
    return program;
  };
}
