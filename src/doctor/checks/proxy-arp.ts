/** A link of the host that answers ARP for whomever a route is known to: containers seem to live on the LAN, or take its addresses. */
import { formatPrefix, overlaps, subnetOf } from "../../lib/ip.ts";
import { linkSysctl, shell } from "../../lib/shell.ts";
import { sysctlNumber } from "../../observe/lookup.ts";
import type { ObservedLink } from "../../observe/types.ts";
import { addressesOf } from "../facts/namespace.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import type { Check, Patient } from "../types.ts";

const NAME = "proxy-arp";
const KEY = "net.ipv4.conf.all.proxy_arp";

export const proxyArp: Check = {
  name: NAME,
  title: "no link of the host answers ARP for addresses of containers",
  reports: [
    {
      title: "Strange behaviour when using proxy arp in a container",
      url: "https://github.com/lxc/lxc/issues/775",
    },
    {
      title: "bridge: add proxy_arp configuration",
      url: "https://github.com/containernetworking/plugins/pull/155",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const { host } = patient;
    const all = sysctlNumber(host, KEY) === 1;
    const subnets = bridgeNetworks(patient).flatMap(({ network, bridge }) =>
      bridge
        ? network.subnets.filter(({ subnet }) => subnet.address.family === 4).map((one) => one.subnet)
        : [],
    );
    const answering = outward(patient).filter((link) => all || link.settings?.proxyArp);
    if (subnets.length === 0) return [];
    return answering.map((link) => {
      const own = addressesOf(host, link).map(({ address }) => subnetOf(address));
      const near = subnets.filter((subnet) => own.some((one) => overlaps(one, subnet)));
      const key = all ? KEY : linkSysctl("net.ipv4.conf", link.name, "proxy_arp");
      return {
        check: NAME,
        severity: near.length > 0 ? ("risk" as const) : ("note" as const),
        title:
          near.length > 0
            ? `${link.name} answers ARP for ${listed(near.map((one) => formatPrefix(subnetOf(one))))}, which containers share with its own network`
            : `${link.name} answers ARP for addresses of containers: neighbours there find them without a route`,
        evidence: [
          `${key} = 1`,
          `networks: ${subnets
            .slice(0, 5)
            .map((one) => formatPrefix(subnetOf(one)))
            .join(", ")}`,
        ],
        cause:
          near.length > 0
            ? "Whoever on that network asks for an address that a container may have is told this machine's MAC, whether a container has it or another device there: two answer for one address."
            : "With proxy_arp a link answers for every address that this machine routes elsewhere. Where that is not meant, neighbours send to containers directly, past published ports; rules decide what comes through.",
        fixes: [
          {
            command: shell`sysctl -w ${key}=0`,
            does: "answers for own addresses alone; routers on unnumbered links and some VPNs need it on",
            safe: false,
          },
        ],
        about: { namespace: host.id, link: { namespace: host.id, ifindex: link.ifindex } },
      };
    });
  },
};

const outward = ({ host }: Patient): readonly ObservedLink[] =>
  host.links.filter(
    ({ up, loopback, kind, master, noArp }) =>
      up && !loopback && !noArp && kind !== "bridge" && master === undefined,
  );
