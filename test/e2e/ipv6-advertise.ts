/** A router's one advertisement, on a link of the namespace it is run in: `ipv6-advertise.ts IFINDEX MAC PREFIX`. */
import process from "node:process";
import { addressBytes, type Mac, parseMac, parsePrefix } from "../../src/lib/ip.ts";
import { linkLocalOf } from "../../src/network/interface.ts";
import { FrameSocket, u16 } from "../kernel/network-frames.ts";
import { icmp6, ipv6 } from "../kernel/network-frames6.ts";

const [ifindex = "", macText = "", prefixText = ""] = process.argv.slice(2);
const mac = parseMac(macText);
const prefix = parsePrefix(prefixText);
const ends = { from: linkLocalOf(mac), to: { family: 6, bits: (0xff02n << 112n) | 1n } } as const;
const hour = Buffer.from([0, 0, 0x0e, 0x10]);
// RFC 4861 section 4.2: hop limit, flags, router lifetime in seconds, then two timers; 4.6.2: a prefix on this link.
const body = Buffer.concat([Uint8Array.of(64, 0), u16(1800), Buffer.alloc(8)]);
const information = Buffer.concat([
  Uint8Array.of(3, 4, prefix.length, 0xc0),
  hour,
  hour,
  Buffer.alloc(4),
  addressBytes(prefix.address),
]);
using socket = new FrameSocket(undefined, Number(ifindex));
socket.send(ipv6("33:33:00:00:00:01" as Mac, mac, ends, icmp6(ends, "routerAdvert", body, information)));
