/** A host that forwards nothing is no gateway: what containers send ends on it. */
import { linkSysctl, shell } from "../../lib/shell.ts";
import { defaultRoutes, sysctlNumber } from "../../observe/lookup.ts";
import type { ObservedLink } from "../../observe/types.ts";
import { addressesOf, shownSysctl, uplinksOf } from "../facts/namespace.ts";
import { bridgeNetworks, isIsolated, type Network } from "../facts/networks.ts";
import { containersNamed, listed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "forwarding-off";

export const forwardingOff: Check = {
  name: NAME,
  title: "the host forwards packets, of each family and by each link that containers need",
  reports: [
    {
      title: "IPv4 forwarding fails with static IP address and compose up",
      url: "https://github.com/moby/moby/issues/27319",
    },
    {
      title: "Intermittent failure to recognize IPv4 forwarding enabled at system boot",
      url: "https://github.com/moby/moby/issues/47966",
    },
    { title: "IPV6 not forwarded by default", url: "https://github.com/docker/for-linux/issues/359" },
  ],
  looksAt: "host",
  look: (patient) => {
    const routed = bridgeNetworks(patient).filter(
      ({ network, bridge }) => bridge !== undefined && !network.internal && !isIsolated(network),
    );
    return [...four(patient, routed), ...perLink(patient, routed), ...six(patient, routed)];
  },
};

function four({ host }: Patient, networks: readonly Network[]): readonly Finding[] {
  if (sysctlNumber(host, "net.ipv4.ip_forward") !== 0) return [];
  const with4 = networks.filter(({ bridge }) => hasFamily(host, bridge, 4));
  if (with4.length === 0) return [];
  return [
    {
      check: NAME,
      severity: severityOf(with4),
      title: `${sufferers(with4)} can't reach other hosts: this machine does not forward IPv4`,
      evidence: [shownSysctl(host, "net.ipv4.ip_forward")],
      cause:
        "The engine turns forwarding on when it starts. Something has turned it off since: a line in /etc/sysctl.d, a network manager, or a hardening script. Packets of containers that are not for this machine itself are dropped after routing.",
      fixes: [
        {
          command: "sysctl -w net.ipv4.ip_forward=1",
          does: "forwards IPv4 until the next boot; a file in /etc/sysctl.d keeps it",
          safe: true,
        },
      ],
      about: { namespace: host.id },
    },
  ];
}

/** The link that a packet comes in by decides: the bridge's for what containers send, the uplink's for answers. */
function perLink({ host }: Patient, networks: readonly Network[]): readonly Finding[] {
  if (sysctlNumber(host, "net.ipv4.ip_forward") !== 1) return [];
  const with4 = networks.filter(({ bridge }) => hasFamily(host, bridge, 4));
  if (with4.length === 0) return [];
  const bridges = with4.flatMap(({ bridge }) => (bridge ? [bridge] : []));
  const deaf = [...bridges, ...uplinksOf(host)].filter(({ settings }) => settings?.forwarding4 === false);
  return deaf.map(({ name, ifindex }) => ({
    check: NAME,
    severity: severityOf(with4),
    title: `${sufferers(with4)} can't reach other hosts: IPv4 is not forwarded from ${name}`,
    evidence: ["net.ipv4.ip_forward = 1", `net.ipv4.conf.${name}.forwarding = 0`],
    cause:
      "Forwarding is on for the machine, and off for this link: what comes in by it goes to the machine itself or nowhere. Links that are made while conf.default.forwarding is 0 are born so.",
    fixes: [
      {
        command: shell`sysctl -w ${linkSysctl("net.ipv4.conf", name, "forwarding")}=1`,
        does: `forwards what comes in by ${name}`,
        safe: true,
      },
    ],
    about: { namespace: host.id, link: { namespace: host.id, ifindex } },
  }));
}

function six({ host }: Patient, networks: readonly Network[]): readonly Finding[] {
  if (sysctlNumber(host, "net.ipv6.conf.all.forwarding") !== 0) return [];
  const with6 = networks.filter(({ network, bridge }) => network.ipv6 && hasFamily(host, bridge, 6));
  if (with6.length === 0) return [];
  // Without a way out there is little to lose.
  const severity = defaultRoutes(host, 6).length > 0 ? severityOf(with6) : "risk";
  return [
    {
      check: NAME,
      severity,
      title: `${sufferers(with6)} can't reach other hosts over IPv6: this machine does not forward it`,
      evidence: [shownSysctl(host, "net.ipv6.conf.all.forwarding")],
      cause:
        "Containers have IPv6 addresses and this machine as their gateway, which drops what is not for itself. Programs try IPv6 first and wait.",
      fixes: [
        {
          command: "sysctl -w net.ipv6.conf.all.forwarding=1",
          does: "forwards IPv6; links with accept_ra=1 stop taking router advertisements then, and need accept_ra=2",
          safe: false,
        },
      ],
      about: { namespace: host.id },
    },
  ];
}

const hasFamily = (host: Patient["host"], bridge: ObservedLink | undefined, family: 4 | 6): boolean =>
  bridge !== undefined && addressesOf(host, bridge).some(({ address }) => address.address.family === family);

/** Nothing is broken where nobody is there whom it could hurt. */
const severityOf = (networks: readonly Network[]): "broken" | "risk" =>
  networks.some(({ residents }) => residents.length > 0) ? "broken" : "risk";

const sufferers = (networks: readonly Network[]): string => {
  const names = networks.flatMap(({ residents }) => residents.map(({ of }) => of.name));
  return names.length > 0
    ? containersNamed(names)
    : `containers on ${listed(networks.map(({ network }) => network.name))}`;
};
