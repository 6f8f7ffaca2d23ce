/** Connections that go on to a container that is gone: of UDP as long as somebody sends, of TCP until its client gives up. */
import { contains, formatAddress, sameAddress } from "../../lib/ip.ts";
import { findProgram } from "../../lib/programs.ts";
import type { ObservedConnection } from "../../observe/types.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { type Published, publishedPorts } from "../facts/ports.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "stale-conntrack";
const [TCP, UDP] = [6, 17] as const;
/** IPS_DST_NAT, linux/netfilter/nf_conntrack_common.h. */
const TRANSLATED = 32;

export const staleConntrack: Check = {
  name: NAME,
  title: "no tracked connection leads to a container's address that nobody has any more",
  reports: [
    {
      title: "Failed to receive UDP traffic after container restart",
      url: "https://github.com/moby/moby/issues/8795",
    },
    {
      title:
        "DeleteConntrackEntriesByPort filters on container port instead of host port, leaving stale UDP conntrack entries when hostPort != containerPort",
      url: "https://github.com/moby/moby/issues/53384",
    },
    {
      title: "portmap: delete UDP conntrack entries on teardown",
      url: "https://github.com/containernetworking/plugins/issues/123",
    },
    {
      title: "TCP Conntrack entries remain in stale",
      url: "https://github.com/kubernetes/kubernetes/issues/101607",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const led = ledNowhere(patient);
    return publishedPorts(patient).flatMap((published) => {
      const { port, host: at } = published;
      const hurt = led.filter(
        ({ protocol, original }) =>
          protocol === NUMBERS[port.protocol] &&
          original.destinationPort === at.port &&
          (at.address === undefined || sameAddress(at.address, original.destination)),
      );
      const [first] = hurt;
      if (!first) return [];
      return [
        port.protocol === "udp"
          ? ofUdp(patient, published, hurt)
          : ofTcp(patient, published, [first, ...hurt.slice(1)]),
      ];
    });
  },
};

const NUMBERS = { tcp: TCP, udp: UDP, sctp: undefined } as const;

function ofUdp(
  { host }: Patient,
  { resident, host: at }: Published,
  hurt: readonly ObservedConnection[],
): Finding {
  return {
    check: NAME,
    severity: "broken",
    title: `${hurt.length === 1 ? "a client" : `${hurt.length} clients`} of port ${at.port}/udp of ${resident.of.name} ${hurt.length === 1 ? "is" : "are"} still led to a container that is gone`,
    evidence: hurt.slice(0, 5).map(shown),
    cause:
      "UDP has no end: the kernel keeps leading a client's datagrams where the first one went, as long as they keep coming. The container was replaced meanwhile, and the entries were not forgotten.",
    fixes: [
      {
        command: `conntrack -D -p udp --orig-port-dst ${at.port}`,
        does: "forgets the entries: the next datagram is led to the container that is there",
        safe: findProgram("conntrack") !== undefined,
      },
    ],
    about: { namespace: host.id, container: resident.of.name },
  };
}

/** Mostly harmless: new connections have other ports, and are led anew. */
function ofTcp(
  { host }: Patient,
  { resident, host: at }: Published,
  hurt: readonly [ObservedConnection, ...(readonly ObservedConnection[])],
): Finding {
  const [first] = hurt;
  return {
    check: NAME,
    severity: "note",
    title: `${hurt.length === 1 ? "a connection" : `${hurt.length} connections`} to port ${at.port}/tcp of ${resident.of.name} ${hurt.length === 1 ? "is" : "are"} still led to a container that is gone`,
    evidence: hurt.slice(0, 5).map(shown),
    cause:
      "Clients that were connected when the container was replaced were told nothing, and wait until they give up. The entry stays for up to five days; who connects again from the same port (a balancer, a health check) is led to nobody as well.",
    fixes: [
      {
        command: `conntrack -D -p tcp --orig-port-dst ${at.port} --reply-src ${formatAddress(first.reply.source)}`,
        does: "forgets those entries: clients are refused, and connect anew",
        safe: false,
      },
    ],
    about: { namespace: host.id, container: resident.of.name },
  };
}

/** Translated to an address of a network's subnet that none on it has. */
function ledNowhere(patient: Patient): readonly ObservedConnection[] {
  const { host, topology } = patient;
  const translated = (host.connections ?? []).filter(
    ({ protocol, status }) => (protocol === UDP || protocol === TCP) && (status & TRANSLATED) !== 0,
  );
  if (translated.length === 0) return [];
  const subnets = bridgeNetworks(patient).flatMap(({ network }) =>
    network.subnets.map(({ subnet }) => subnet),
  );
  const there = new Set(
    [...topology.namespaces.values()].flatMap(({ addresses }) =>
      addresses.map(({ address }) => formatAddress(address.address)),
    ),
  );
  return translated.filter(
    ({ reply }) =>
      subnets.some((subnet) => contains(subnet, reply.source)) && !there.has(formatAddress(reply.source)),
  );
}

const shown = ({ protocol, original, reply }: ObservedConnection): string =>
  `${protocol === TCP ? "tcp" : "udp"} src=${formatAddress(original.source)} dst=${formatAddress(original.destination)} dport=${original.destinationPort} -> ${formatAddress(reply.source)}:${reply.sourcePort}, which nobody has`;
