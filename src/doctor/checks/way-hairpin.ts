/** A container that asks for its own published port by this machine's address: out, and back in where it came from. */
import { isLoopback } from "../../lib/ip-kinds.ts";
import type { Flow } from "../../trace/types.ts";
import { because, evidenceOf, fixesOf } from "../facts/ended.ts";
import { hasItsRules } from "../facts/engine-presence.ts";
import { type Attachment, wiredAttachments } from "../facts/networks.ts";
import { type Published, publishedPorts, shownPort } from "../facts/ports.ts";
import { type Ended, endOf, walkEach } from "../facts/ways.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "way-hairpin";
/** What hairpins end by: the port of the bridge, the sender's own address coming back, and the rules before. */
const CODES: ReadonlySet<string> = new Set(["port-state", "martian", "reverse-path"]);

export const wayHairpin: Check = {
  name: NAME,
  title: "a container reaches its own published port by this machine's address (walked through its tables)",
  reports: [
    { title: "Support hairpin NAT", url: "https://github.com/moby/moby/pull/6810" },
    {
      title: "portmap doesn't work with hairpin",
      url: "https://github.com/containernetworking/plugins/issues/68",
    },
    {
      title: "Container can't contact itself via <host-ip>:<forwarded-port>",
      url: "https://github.com/rkt/rkt/issues/3751",
    },
  ],
  looksAt: "both",
  look: (patient) => {
    const homes = new Map(
      wiredAttachments(patient)
        .filter(({ network }) => !network.network.internal && hasItsRules(patient, network.engine))
        .map((one) => [one.resident, one]),
    );
    const ways = publishedPorts(patient).flatMap((published) => {
      const home = homes.get(published.resident);
      const flow = home && flowOf(home, published);
      return home && flow ? [{ published, home, flow }] : [];
    });
    return walkEach(patient, { check: NAME, what: "published ports" }, ways, (way) => {
      const end = endOf(patient, way.flow);
      return end && CODES.has(end.reason.code) ? finding(patient, { ...way, end }) : undefined;
    });
  },
};

function flowOf({ resident, network }: Attachment, { port, host: at }: Published): Flow | undefined {
  const gateway = network.network.subnets.map((one) => one.gateway).find((one) => one?.family === 4);
  const destination = at.address ?? gateway;
  if (!destination || port.protocol === "sctp" || destination.family !== 4 || isLoopback(destination))
    return undefined;
  return {
    from: { label: resident.of.name, namespace: resident.namespace.id },
    to: { label: resident.of.name, namespace: resident.namespace.id },
    destination,
    protocol: port.protocol,
    port: at.port,
  };
}

interface Bent {
  readonly published: Published;
  readonly home: Attachment;
  readonly end: Ended;
}

function finding({ host }: Patient, { published, home, end }: Bent): Finding {
  const { resident, host: at, port } = published;
  return {
    check: NAME,
    // Podman sets its ports up so; the others mean it to work.
    severity: home.network.engine.kind === "podman" ? "note" : "risk",
    title: `${resident.of.name} does not reach its own port ${at.port}/${port.protocol} by this machine's address: ${because(end)}`,
    evidence: [`published: ${shownPort(published)}`, ...evidenceOf(end)],
    cause:
      "The packet is translated back to its own sender. Where br_netfilter shows it to iptables, it has to leave the bridge by the port that it came in by, which the port must be in hairpin mode for; and in any case under another address than the container's, which a masquerading rule must see to. With a user-space proxy for published ports neither is needed.",
    fixes: fixesOf(end),
    about: { namespace: host.id, container: resident.of.name },
  };
}
