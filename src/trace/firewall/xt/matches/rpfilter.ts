/** `struct xt_rpfilter_info { __u8 flags; };`, linux/netfilter/xt_rpfilter.h: whether answers would leave by where it came in. */
import { RTN } from "../../../../linux/rtnetlink/route-numbers.ts";
import { struct, u8 } from "../../../../linux/xtables/struct.ts";
import { addressOf, familyOf } from "../look.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";

const INFO = struct({ flags: u8 });
/** XT_RPFILTER_*, in the order in which iptables-save(8) writes them. */
const FLAGS = { loose: 1, validmark: 2, "accept-local": 4, invert: 8 } as const;

export const rpfilter = defineMatch({
  name: "rpfilter",
  decode: (info, revision) => (revision === 0 ? INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: INFO.encode(value) }),
  /** rpfilter_mt of net/ipv4/netfilter/ipt_rpfilter.c. */
  matches({ flags }, packet, { namespace, in: into, routes }) {
    const inverted = (flags & FLAGS.invert) !== 0;
    if (namespace.links.find(({ ifindex }) => ifindex === into)?.loopback) return !inverted;
    const source = addressOf(packet, "source");
    const type = routes.addressType(source);
    const fit = type === RTN.unicast || (type === RTN.local && (flags & FLAGS["accept-local"]) !== 0);
    if (!fit) return inverted;
    // Nobody answers from an address of a group, or of all.
    const destination = addressOf(packet, "destination");
    const [first = 0] = destination;
    const group = familyOf(packet) === 4 ? first >= 224 || first === 0 : first === 0xff;
    const mark = flags & FLAGS.validmark ? packet.mark : 0;
    const link = routes.outputLink(source, group ? undefined : destination, mark);
    return (link !== undefined && (link === into || (flags & FLAGS.loose) !== 0)) !== inverted;
  },
  words: ({ flags }) =>
    Object.entries(FLAGS).flatMap(([name, bit]) => (flags & bit ? option(name, false) : [])),
  parse: (options) => ({
    flags: Object.entries(FLAGS).reduce((sum, [name, bit]) => sum | (options.flag(name) ? bit : 0), 0),
  }),
});
