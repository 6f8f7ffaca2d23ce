/** UDP, RFC 768. */
import { viewOf } from "../../linux/bytes.ts";
import { type Around, ends } from "./around.ts";
import { describeDns } from "./dns.ts";
import { CUT } from "./text.ts";

const HEADER = 8;
/** DNS, and multicast DNS. */
const NAMES: ReadonlySet<number> = new Set([53, 5353]);

/** `a.34567 > b.53: DNS query 1a2b A? db`, `a.34567 > b.9: UDP, length 5`. */
export function describeUdp(bytes: Uint8Array, around: Around): string {
  if (bytes.length < HEADER) return `${ends(around)}: UDP ${CUT}`;
  const view = viewOf(bytes);
  const ports = [view.getUint16(0), view.getUint16(2)] as const;
  const who = ends(around, ports);
  const told = view.getUint16(4);
  if (told < HEADER && told !== 0) return `${who}: UDP with a length that is none`;
  const length = (told || around.length) - HEADER;
  const dns = ports.some((port) => NAMES.has(port))
    ? describeDns(bytes.subarray(HEADER, HEADER + Math.max(0, length)))
    : undefined;
  return `${who}: ${dns ?? `UDP, length ${Math.max(0, length)}`}`;
}
