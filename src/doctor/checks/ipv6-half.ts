/** IPv6 that is only half there: an address and no way out, or a network that has it and a container that may not. */
import { formatAddress } from "../../lib/ip.ts";
import { linkSysctl, shell } from "../../lib/shell.ts";
import { defaultRoutes } from "../../observe/lookup.ts";
import { inside } from "../facts/namespace.ts";
import { type Attachment, attachmentsOf, bridgeNetworks } from "../facts/networks.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "ipv6-half";

export const ipv6Half: Check = {
  name: NAME,
  title: "where containers have IPv6, it is on at every link of theirs and leads out",
  reports: [
    { title: "IPV6 not forwarded by default", url: "https://github.com/docker/for-linux/issues/359" },
    {
      title: "Docker IPv6 (ip6tables) support breakes unrelated bridges",
      url: "https://github.com/moby/moby/issues/48365",
    },
  ],
  looksAt: "both",
  look: (patient) => [...attachmentsOf(patient).flatMap(switchedOff), ...stranded(patient)],
};

/** The engine gave an address, and the kernel may have none on that link. */
function switchedOff({ resident, endpoint, link, network }: Attachment): readonly Finding[] {
  const given = endpoint.addresses.find(({ address }) => address.family === 6);
  const { bridge } = network;
  const { namespace, of } = resident;
  if (!given) return [];
  const off = link?.settings?.disableIpv6 ? link : undefined;
  const hostOff = bridge?.settings?.disableIpv6 ? bridge : undefined;
  const found = off ?? hostOff;
  if (!found) return [];
  const where = off ? namespace.name : "host";
  const command = shell`sysctl -w ${linkSysctl("net.ipv6.conf", found.name, "disable_ipv6")}=0`;
  return [
    {
      check: NAME,
      severity: "broken",
      title: `container ${of.name} was given ${formatAddress(given.address)}, but IPv6 is switched off on ${off ? "its" : "the host's"} ${found.name}`,
      evidence: [`${where}: net.ipv6.conf.${found.name}.disable_ipv6 = 1`],
      cause:
        "With disable_ipv6 the kernel removes all IPv6 addresses of a link and takes no new ones. A hardening script or --sysctl has set it after the engine, or for all links.",
      fixes: [
        {
          command: off ? inside(namespace, command) : command,
          does: "lets the link have addresses again; those that went come back when the container is connected anew",
          safe: false,
        },
      ],
      about: { namespace: namespace.id, container: of.name },
    },
  ];
}

/** Programs prefer IPv6 where they have a route: then each connection waits for one that leads nowhere. */
function stranded(patient: Patient): readonly Finding[] {
  const { host } = patient;
  if (defaultRoutes(host, 6).length > 0) return [];
  const networks = bridgeNetworks(patient).filter(
    ({ network, residents }) =>
      network.ipv6 &&
      !network.internal &&
      residents.some(({ namespace }) => defaultRoutes(namespace, 6).length > 0),
  );
  return networks.map(({ network }) => ({
    check: NAME,
    severity: "note",
    title: `containers on ${network.name} have IPv6 as far as this machine, which has no IPv6 route to anywhere`,
    evidence: ["ip -6 route show default: (empty)", `network ${network.name}: IPv6 is on`],
    cause:
      "They reach each other and the host over IPv6, and the internet over IPv4. Programs that try IPv6 first are told at once that there is no route, and go on.",
    fixes: [
      {
        command: "docker network create NAME",
        does: "makes a network without IPv6; or give this machine an IPv6 uplink",
        safe: false,
      },
    ],
    about: { namespace: host.id, network: network.name },
  }));
}
