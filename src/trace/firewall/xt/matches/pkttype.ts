/** `struct xt_pkttype_info { int pkttype; int invert; };`, linux/netfilter/xt_pkttype.h: PACKET_*, linux/if_packet.h. */
import { struct, u32 } from "../../../../linux/xtables/struct.ts";
import { addressOf, familyOf } from "../look.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";

const INFO = struct({ type: u32, invert: u32 });
const TYPES = { unicast: 0, broadcast: 1, multicast: 2 } as const;
const PACKET_LOOPBACK = 5;

export const pkttype = defineMatch({
  name: "pkttype",
  decode: (info, revision) => (revision === 0 ? INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: INFO.encode(value) }),
  matches({ type, invert }, packet, { packetType }) {
    // What loops back was sent to somebody: the kernel asks the address then.
    const [first = 0] = addressOf(packet, "destination");
    const group = familyOf(packet) === 4 ? first >> 4 === 0xe : first === 0xff;
    const is = packetType === PACKET_LOOPBACK ? (group ? TYPES.multicast : TYPES.broadcast) : packetType;
    return (is === type) !== (invert !== 0);
  },
  words: ({ type, invert }) =>
    option("pkt-type", invert !== 0, Object.keys(TYPES).find((_, i) => i === type) ?? type),
  parse(options) {
    const { value, not } = options.must("pkt-type");
    return { type: options.oneOf(value, TYPES), invert: not ? 1 : 0 };
  },
});
