/** Who sends the probe, and hears what comes back. */

import { closeSync } from "node:fs";
import { formatAddress } from "../../lib/ip.ts";
import { Assembler } from "../../linux/bpf/assemble.ts";
import { loadProgram, receiveFrame } from "../../linux/bpf/syscall.ts";
import { inNamespace } from "../../linux/netns.ts";
import { openPacketSocket } from "../../linux/packet-socket.ts";
import type { NetnsPath } from "../../linux/plan.ts";
import { ProbeSocket } from "../../linux/raw-socket.ts";
import type { LinkRef, Namespace, NamespaceId, ObservedLink, Topology } from "../../observe/types.ts";
import { addressOf, icmpOf, tcpFlagsOf, withEthernet } from "../packet/packet.ts";
import { PROTOCOL } from "../packet/parse.ts";
import type { Packet } from "../packet/types.ts";
import type { Flow } from "../types.ts";
import type { Answer } from "./conclude.ts";
import { meaningOfSegment } from "./marks.ts";
import { chanceFor, isQuery, makeProbe, type Probe, randomPort } from "./probe.ts";
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
  const socket = inNamespace(
    path as NetnsPath,
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

const answerOfTcp = (flags: number): Answer =>
  flags & RST ? { what: "refused", text: "RST" } : { what: "reached", text: "SYN-ACK" };

function errorOf({ meaning, packet }: FrameSeen): Answer | undefined {
  const icmp = meaning === "error" ? icmpOf(packet) : undefined;
  const from = addressOf(packet, "source");
  if (!icmp || !from) return undefined;
  const text = `ICMP type ${icmp.type} code ${icmp.code} from ${formatAddress(from)}`;
  return { what: "error", text, words: wordsOfError(from.family, icmp.type, icmp.code) };
}

/**
 * As if somebody who is not here had sent it: the frame is handed to the link as received. Where the link's other end is
 * here it is sent by that; else the kernel is asked to take it for one (BPF_F_TEST_XDP_LIVE_FRAMES).
 * @throws Error where there is no way in, and why
 */
export function sendInto(topology: Topology, flow: Flow, enters: NonNullable<Flow["enters"]>): Sender {
  const { source } = flow;
  if (!source) throw new Error("a flow from outside has no source address to be answered at");
  const namespace = topology.namespaces.get(enters.namespace);
  const link = namespace?.links.find(({ ifindex }) => ifindex === enters.ifindex);
  if (!namespace || !link) throw new Error("the link that it enters by is not there");
  const probe = makeProbe(flow, chanceFor(flow), source, flow.sourcePort ?? randomPort());
  const frame = frameFor(namespace, link, enters, probe.packet);
  const inject = injector(topology, namespace, link, frame.bytes);
  return {
    probe,
    namespace: namespace.id,
    send: inject.send,
    heard: () => undefined,
    told: (seen, at) => {
      if (at !== namespace.id || seen.way !== "out" || !leavesBy(seen, enters)) return undefined;
      if (seen.meaning === "error") return errorOf(seen);
      if (seen.meaning !== "answer") return undefined;
      const flags = tcpFlagsOf(seen.packet);
      if (flags !== undefined) return answerOfTcp(flags);
      return { what: "reached", text: flow.protocol === "icmp" ? "echo reply" : "datagram" };
    },
    close: inject.close,
  };
}

const leavesBy = ({ ifindex }: FrameSeen, enters: LinkRef): boolean => ifindex === enters.ifindex;

/** To the link's own address, or its bridge's: whom a neighbour would send to. */
function frameFor(
  namespace: Namespace,
  link: ObservedLink,
  enters: NonNullable<Flow["enters"]>,
  packet: Packet,
): Packet {
  const master = namespace.links.find(({ ifindex }) => ifindex === link.master);
  const to = (master?.kind === "bridge" ? master.mac : undefined) ?? link.mac;
  if (!to) throw new Error(`no frame can be made for ${link.name}, that has no MAC address`);
  return withEthernet(packet, enters.mac ?? STRANGER, to);
}

/** Locally administered, and nobody's. */
const STRANGER = "02:00:5e:00:53:01" as NonNullable<ObservedLink["mac"]>;

/** XDP_PASS: go on as if nothing had looked at it. */
const XDP_PASS = 2;

function injector(topology: Topology, namespace: Namespace, link: ObservedLink, frame: Uint8Array) {
  const far = link.kind === "veth" ? link.other : undefined;
  const beyond = far?.namespace !== undefined ? topology.namespaces.get(far.namespace) : undefined;
  if (far && beyond) {
    const nothing = new Uint8Array([0x06, 0, 0, 0, 0, 0, 0, 0]); // return 0
    const socket = inNamespace(beyond.path as NetnsPath, () =>
      openPacketSocket({ ifindex: far.ifindex, filter: nothing }),
    );
    return { send: () => socket.send(frame, far.ifindex), close: () => socket.close() };
  }
  const program = loadProgram(
    "xdp",
    "drawbridge_pass",
    new Assembler().moveValue(0, XDP_PASS).exit().assemble(),
  );
  return {
    send: () => inNamespace(namespace.path as NetnsPath, () => receiveFrame(program, link.ifindex, frame)),
    close: () => closeSync(program),
  };
}
