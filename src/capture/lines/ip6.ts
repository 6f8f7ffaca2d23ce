/** IPv6, RFC 8200. */
import { addressFromBytes } from "../../lib/ip.ts";
import { viewOf } from "../../linux/bytes.ts";
import type { NameOf } from "../names.ts";
import { ends } from "./around.ts";
import { CUT } from "./text.ts";
import { describeTransport, protocolName } from "./transport.ts";

const HEADER = 40;
const FRAGMENT = 44;
/** Hop-by-hop, routing, destination options: each tells its length, in units of 8 bytes beyond the first. */
const OPTIONS: ReadonlySet<number> = new Set([0, 43, 60]);

interface Upper {
  readonly protocol: number;
  readonly at: number;
  /** Of a fragment: where it belongs, in bytes, and whether more follow. */
  readonly fragment?: { readonly offset: number; readonly more: boolean };
}

/** Past the extension headers; undefined where they are cut short. */
function upperOf(bytes: Uint8Array): Upper | undefined {
  let protocol = bytes[6] ?? 0;
  let at = HEADER;
  let fragment: Upper["fragment"];
  while (OPTIONS.has(protocol) || protocol === FRAGMENT) {
    if (at + 8 > bytes.length) return undefined;
    const view = viewOf(bytes.subarray(at, at + 8));
    const size = protocol === FRAGMENT ? 8 : (view.getUint8(1) + 1) * 8;
    if (protocol === FRAGMENT) {
      const told = view.getUint16(2);
      fragment = { offset: told & ~7, more: (told & 1) === 1 };
    }
    protocol = view.getUint8(0);
    at += size;
    if (fragment && fragment.offset > 0) break;
  }
  return { protocol, at, ...(fragment && { fragment }) };
}

export function describeIp6(bytes: Uint8Array, nameOf: NameOf): string {
  if (bytes.length < HEADER) return `IP6 ${CUT}`;
  const view = viewOf(bytes);
  if (view.getUint8(0) >> 4 !== 6) return "IP6 with a header that is none";
  // 0 of a jumbogram, or of segments joined to more than the field can tell.
  const total = view.getUint16(4) === 0 ? bytes.length : HEADER + view.getUint16(4);
  const upper = upperOf(bytes);
  const around = {
    nameOf,
    source: addressFromBytes(bytes.subarray(8, 24)),
    destination: addressFromBytes(bytes.subarray(24, 40)),
    length: Math.max(0, total - (upper?.at ?? total)),
  };
  if (!upper) return `IP6 ${ends(around)}: ${CUT}`;
  const { protocol, at, fragment } = upper;
  if (fragment && fragment.offset > 0) {
    const last = fragment.more ? "" : ", the last";
    return `IP6 ${ends(around)}: ${protocolName(protocol)}, fragment at ${fragment.offset}${last}, length ${around.length}`;
  }
  const text = describeTransport(protocol, bytes.subarray(at, Math.max(at, total)), around);
  return `IP6 ${text}${fragment?.more ? ", first fragment" : ""}`;
}
