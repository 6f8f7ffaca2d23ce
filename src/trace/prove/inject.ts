/** A probe from somebody who is not here: handed to a link as if that had received it. */
import { closeSync } from "node:fs";
import { Assembler } from "../../linux/bpf/assemble.ts";
import { loadProgram, receiveFrame } from "../../linux/bpf/syscall.ts";
import { inFoundNamespace } from "../../linux/netns.ts";
import { openPacketSocket } from "../../linux/packet-socket.ts";
import type { Namespace, ObservedLink, Topology } from "../../observe/types.ts";
import { tcpFlagsOf, withEthernet } from "../packet/packet.ts";
import type { Packet } from "../packet/types.ts";
import type { Flow } from "../types.ts";
import { chanceFor, makeProbe, randomPort } from "./probe.ts";
import { answerOfTcp, errorOf, type Sender } from "./sender.ts";

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
      if (at !== namespace.id || seen.way !== "out" || seen.ifindex !== enters.ifindex) return undefined;
      if (seen.meaning === "error") return errorOf(seen);
      if (seen.meaning !== "answer") return undefined;
      const flags = tcpFlagsOf(seen.packet);
      if (flags !== undefined) return answerOfTcp(flags);
      return { what: "reached", text: flow.protocol === "icmp" ? "echo reply" : "datagram" };
    },
    close: inject.close,
  };
}

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

/** A filter that keeps nothing: return 0. */
const NOTHING = Uint8Array.of(0x06, 0, 0, 0, 0, 0, 0, 0);

function injector(topology: Topology, namespace: Namespace, link: ObservedLink, frame: Uint8Array) {
  const far = link.kind === "veth" ? link.other : undefined;
  const beyond = far?.namespace !== undefined ? topology.namespaces.get(far.namespace) : undefined;
  if (far && beyond) {
    const socket = inFoundNamespace(beyond, () =>
      openPacketSocket({ ifindex: far.ifindex, filter: NOTHING }),
    );
    return { send: () => socket.send(frame, far.ifindex), close: () => socket.close() };
  }
  const program = loadProgram(
    "xdp",
    "drawbridge_pass",
    new Assembler().moveValue(0, XDP_PASS).exit().assemble(),
  );
  return {
    send: () => inFoundNamespace(namespace, () => receiveFrame(program, link.ifindex, frame)),
    close: () => closeSync(program),
  };
}
