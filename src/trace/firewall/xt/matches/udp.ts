/**
 * ```
 * struct xt_udp {                 // linux/netfilter/xt_tcpudp.h
 *   __u16 spts[2], dpts[2];
 *   __u8 invflags;                // XT_UDP_INV_*
 * };
 * ```
 */
import { array, struct, u8, u16 } from "../../../../linux/xtables/struct.ts";
import { defineMatch } from "../types.ts";
import { portRange, portsIn, portWords, takePorts, within } from "./ports.ts";

const XT_UDP = struct({ sources: array(u16, 2), destinations: array(u16, 2), inverted: u8 });
const INV = { source: 1, destination: 2 };

export const udp = defineMatch({
  name: "udp",
  decode: (info, revision) => (revision === 0 ? XT_UDP.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: XT_UDP.encode(value) }),
  matches({ sources, destinations, inverted }, packet) {
    const ports = portsIn(packet);
    return (
      ports !== undefined &&
      within(ports.source, sources) !== ((inverted & INV.source) !== 0) &&
      within(ports.destination, destinations) !== ((inverted & INV.destination) !== 0)
    );
  },
  words: ({ sources, destinations, inverted }) => [
    ...portWords("sport", portRange(sources), (inverted & INV.source) !== 0),
    ...portWords("dport", portRange(destinations), (inverted & INV.destination) !== 0),
  ],
  parse(options) {
    const source = takePorts(options, "sport", "source-port");
    const destination = takePorts(options, "dport", "destination-port");
    return {
      sources: source.ports,
      destinations: destination.ports,
      inverted: (source.not ? INV.source : 0) | (destination.not ? INV.destination : 0),
    };
  },
});
