/** `struct xt_mac_info { unsigned char srcaddr[6]; int invert; };`, linux/netfilter/xt_mac.h: the sender's on the last link. */
import { macBytes, macFromBytes, parseMac } from "../../../../lib/ip.ts";
import { octets, struct, u32 } from "../../../../linux/xtables/struct.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";

const ARPHRD_ETHER = 1;
const INFO = struct({ address: octets(6), invert: u32 });

export const mac = defineMatch({
  name: "mac",
  decode: (info, revision) => (revision === 0 ? INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: INFO.encode(value) }),
  matches({ address, invert }, { bytes, network }, { namespace, in: into }) {
    // Packets of a socket here, and of links without addresses, have no sender to be seen: `!` or not, it does not match.
    const ethernet = namespace.links.find(({ ifindex }) => ifindex === into)?.hardware === ARPHRD_ETHER;
    if (!ethernet || network < 14) return false;
    return (Buffer.compare(bytes.subarray(6, 12), address) === 0) !== (invert !== 0);
  },
  words: ({ address, invert }) => option("mac-source", invert !== 0, macFromBytes(address)),
  parse(options) {
    const { value, not } = options.must("mac-source");
    return { address: macBytes(parseMac(value)), invert: not ? 1 : 0 };
  },
});
