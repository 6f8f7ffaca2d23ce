/** Who sends the probe, and hears what comes back. */
import { formatAddress } from "../../lib/ip.ts";
import { PROTOCOL } from "../../lib/protocols.ts";
import { inFoundNamespace } from "../../linux/netns.ts";
import { ProbeSocket } from "../../linux/raw-socket.ts";
import type { Namespace, NamespaceId } from "../../observe/types.ts";
import { addressOf, icmpOf } from "../packet/packet.ts";
import type { Flow } from "../types.ts";
import type { Answer } from "./conclude.ts";
import { meaningOfSegment } from "./marks.ts";
import { chanceFor, isQuery, makeProbe, type Probe } from "./probe.ts";
import { wordsOfError } from "./reasons.ts";
import type { FrameSeen } from "./vantage.ts";

export interface Sender {
  readonly probe: Probe;
  /** Where the probe begins. */
  readonly namespace: NamespaceId;
  /** @throws KernelError */
  send(): void;
  /** What came back since, as a program hears it. */
  heard(): Answer | undefined;
  /** The same, as a frame tells it: of errors, and of those who are not here. */
  told(frame: FrameSeen, at: NamespaceId): Answer | undefined;
  close(): void;
}

const PROTOCOLS = {
  icmp: { 4: PROTOCOL.icmp, 6: PROTOCOL.icmp6 },
  tcp: { 4: 6, 6: 6 },
  udp: { 4: 17, 6: 17 },
};
const RST = 4;
const UDP_HEADER = 8;

/**
 * In the flow's own namespace: a socket there sends, as a program would.
 * @param scope index of the link that a link-local destination is on
 * @throws KernelError where the routes lead nowhere, where the source is not there, and EPERM
 */
export function sendFrom({ id, path }: Namespace, flow: Flow, scope: number | undefined): Sender {
  const { destination, protocol, port, source, sourcePort } = flow;
  const socket = inFoundNamespace(
    { id, path },
    () =>
      new ProbeSocket({
        protocol,
        destination,
        dontFragment: flow.dontFragment ?? false,
        ...(port !== undefined && { port }),
        ...(source && { source }),
        ...(sourcePort !== undefined && { sourcePort }),
        ...(scope !== undefined && { scope }),
      }),
  );
  const chance = chanceFor(flow);
  const probe = makeProbe(flow, chance, socket.local.address, socket.local.port);
  const { packet } = probe;
  const transport = packet.transport ?? 0;
  const heard = (): Answer | undefined => {
    for (let bytes = socket.receive(); bytes; bytes = socket.receive()) {
      const answer = understand(flow, probe, chance.magic, bytes);
      if (answer) return answer;
    }
    return undefined;
  };
  return {
    probe,
    namespace: id,
    send: () => socket.send(packet.bytes.subarray(protocol === "udp" ? transport + UDP_HEADER : transport)),
    heard,
    told: (frame, at) => (at === id && frame.way === "in" ? errorOf(frame) : undefined),
    close: () => socket.close(),
  };
}

function understand(flow: Flow, { marks }: Probe, magic: Uint8Array, bytes: Uint8Array): Answer | undefined {
  if (flow.protocol === "udp") {
    const same = isQuery(flow) && bytes[0] === magic[0] && bytes[1] === magic[1];
    if (!same && flow.query !== undefined) return undefined;
    return { what: "reached", text: same ? "DNS answer" : "datagram" };
  }
  const protocol = PROTOCOLS[flow.protocol][flow.destination.family];
  if (meaningOfSegment(marks, protocol, bytes) !== "answer") return undefined;
  if (flow.protocol === "icmp") return { what: "reached", text: "echo reply" };
  return answerOfTcp(bytes[13] ?? 0);
}

export const answerOfTcp = (flags: number): Answer =>
  flags & RST ? { what: "refused", text: "RST" } : { what: "reached", text: "SYN-ACK" };

/** What an ICMP error about the probe says; undefined for what is none. */
export function errorOf({ meaning, packet }: FrameSeen): Answer | undefined {
  const icmp = meaning === "error" ? icmpOf(packet) : undefined;
  const from = addressOf(packet, "source");
  if (!icmp || !from) return undefined;
  const text = `ICMP type ${icmp.type} code ${icmp.code} from ${formatAddress(from)}`;
  return { what: "error", text, words: wordsOfError(from.family, icmp.type, icmp.code) };
}
