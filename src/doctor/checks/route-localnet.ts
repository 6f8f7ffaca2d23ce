/** Services at the host's 127.0.0.1 that a neighbour can reach (CVE-2020-8558). */
import type { Address } from "../../lib/ip.ts";
import { parseAddress } from "../../lib/ip.ts";
import { isLoopback } from "../../lib/ip-kinds.ts";
import { linkSysctl, shell } from "../../lib/shell.ts";
import { sysctlNumber } from "../../observe/lookup.ts";
import { linkAt } from "../../observe/place.ts";
import { uplinkOf } from "../../trace/ends/uplink.ts";
import { predict } from "../../trace/predict.ts";
import { addressesOf } from "../facts/namespace.ts";
import { shownSocket } from "../facts/ports.ts";
import type { Check } from "../types.ts";

const NAME = "route-localnet";
const HERE = parseAddress("127.0.0.1");

export const routeLocalnet: Check = {
  name: NAME,
  title: "neighbours don't reach services at this machine's loopback (walked through its rules)",
  reports: [
    {
      title: "CVE-2020-8558: Node setting allows for neighboring hosts to bypass localhost boundary",
      url: "https://github.com/kubernetes/kubernetes/issues/92315",
    },
    {
      title: "net.ipv4.conf.all.route_localnet=1 opens security issue",
      url: "https://github.com/kubernetes/kubernetes/issues/90259",
    },
  ],
  looksAt: "host",
  look: ({ topology, host, container }) => {
    const uplink = uplinkOf(topology, 4);
    const link = linkAt(host, uplink?.link.ifindex);
    const all = sysctlNumber(host, "net.ipv4.conf.all.route_localnet") === 1;
    if (container || !uplink || !link || !(all || link.settings?.routeLocalnet)) return [];
    const service = host.sockets.find(
      ({ protocol, address, family }) =>
        protocol === "tcp" && family === 4 && address !== undefined && isLoopback(address),
    );
    const source = uplink.gateway ?? neighbourOf(addressesOf(host, link)[0]?.address.address);
    if (!service || !source) return [];
    const { outcome } = predict(topology, {
      from: { label: "outside" },
      to: { label: "host", namespace: host.id },
      source,
      destination: HERE,
      protocol: "tcp",
      port: service.port,
      enters: uplink.link,
    });
    if (outcome !== "reached" && outcome !== "leaves") return [];
    const key = all ? "all" : link.name;
    return [
      {
        check: NAME,
        severity: "risk",
        title: `whoever is on the network of ${link.name} reaches services at 127.0.0.1 of this machine, as ${shownSocket(service)}`,
        evidence: [
          `net.ipv4.conf.${key}.route_localnet = 1`,
          `${shownSocket(service)} listens at the loopback alone`,
        ],
        cause:
          "With route_localnet, a packet to 127.0.0.1 that comes by a cable is taken as if it came from here, unless a rule drops it. Programs that listen at 127.0.0.1 count on being out of reach.",
        fixes: [
          {
            command: shell`sysctl -w ${linkSysctl("net.ipv4.conf", key, "route_localnet")}=0`,
            does: "takes loopback addresses by that link for the mistake that they are; kube-proxy may need it for node ports at 127.0.0.1",
            safe: false,
          },
        ],
        about: { namespace: host.id, link: uplink.link },
      },
    ];
  },
};

/** Somebody beside it. */
const neighbourOf = (own: Address | undefined): Address | undefined =>
  own && { family: own.family, bits: own.bits ^ 1n };
