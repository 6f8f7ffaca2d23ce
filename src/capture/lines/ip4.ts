/** IPv4, RFC 791. */
import { addressFromBytes } from "../../lib/ip.ts";
import { viewOf } from "../../linux/bytes.ts";
import type { NameOf } from "../names.ts";
import { ends } from "./around.ts";
import { CUT } from "./text.ts";
import { describeTransport, protocolName } from "./transport.ts";

const HEADER = 20;
const MORE_FRAGMENTS = 0x2000;
const OFFSET = 0x1fff;

export function describeIp4(bytes: Uint8Array, nameOf: NameOf): string {
  if (bytes.length < HEADER) return `IP ${CUT}`;
  const view = viewOf(bytes);
  const header = (view.getUint8(0) & 0xf) * 4;
  if (view.getUint8(0) >> 4 !== 4 || header < HEADER) return "IP with a header that is none";
  // 0 where segments were joined to more than the field can tell.
  const total = view.getUint16(2) || bytes.length;
  if (total < header) return `IP of ${total} bytes with a header of ${header}`;
  const protocol = view.getUint8(9);
  const around = {
    nameOf,
    source: addressFromBytes(bytes.subarray(12, 16)),
    destination: addressFromBytes(bytes.subarray(16, 20)),
    length: total - header,
  };
  const fragment = view.getUint16(6);
  const offset = (fragment & OFFSET) * 8;
  if (offset > 0) {
    const last = fragment & MORE_FRAGMENTS ? "" : ", the last";
    return `IP ${ends(around)}: ${protocolName(protocol)}, fragment at ${offset}${last}, length ${around.length}`;
  }
  const text = describeTransport(protocol, bytes.subarray(header, total), around);
  return `IP ${text}${fragment & MORE_FRAGMENTS ? ", first fragment" : ""}`;
}
