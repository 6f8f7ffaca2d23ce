/** Containers that send larger packets than the way out carries. */
import { linkAt } from "../../observe/place.ts";
import type { ObservedLink } from "../../observe/types.ts";
import { clampsSegments } from "../facts/clamping.ts";
import { uplinksOf } from "../facts/namespace.ts";
import { type Attachment, attachmentsOf } from "../facts/networks.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "mtu-uplink";

/** Kinds of links that wrap packets in others. */
const TUNNELS = new Set(["wireguard", "tun", "ppp", "ipip", "sit", "gre", "gretap", "vti", "xfrm", "ip6tnl"]);

export const mtuUplink: Check = {
  name: NAME,
  title: "containers' packets are no larger than the link that they leave by takes",
  reports: [
    {
      title: "Cannot access some https in docker, when host machine under VPN.",
      url: "https://github.com/moby/moby/issues/13475",
    },
    { title: "https requests hang in 1.10.0", url: "https://github.com/moby/moby/issues/20178" },
    {
      title: "Docker breaks Path MTU Discovery when host is using IPSEC",
      url: "https://github.com/moby/moby/issues/12565",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    if (clampsSegments(patient.host)) return [];
    const uplinks = uplinksOf(patient.host);
    const tunnels = tunnelsOf(patient).filter((tunnel) => !uplinks.includes(tunnel));
    return [
      ...uplinks.flatMap((uplink) => narrower(patient, uplink, "risk")),
      ...tunnels.flatMap((tunnel) => narrower(patient, tunnel, "note")),
    ];
  },
};

/** That routes lead to, but not by default. */
function tunnelsOf({ host }: Patient): readonly ObservedLink[] {
  const led = new Set(
    host.routes.filter(({ type }) => type === 1).flatMap(({ hops }) => hops.map(({ ifindex }) => ifindex)),
  );
  return [...led].flatMap((ifindex) => {
    const link = linkAt(host, ifindex);
    return link?.up && TUNNELS.has(link.kind ?? "") ? [link] : [];
  });
}

/** What gets as far as the bridge. */
const sizeOf = ({ link, port }: Attachment): number => Math.min(link?.mtu ?? 0, port?.mtu ?? Infinity);

function narrower(patient: Patient, out: ObservedLink, severity: Finding["severity"]): readonly Finding[] {
  const { host } = patient;
  const wide = attachmentsOf(patient).filter((one) => !one.network.network.internal && sizeOf(one) > out.mtu);
  if (wide.length === 0) return [];
  const names = wide.map(({ resident }) => resident.of.name);
  const widest = Math.max(...wide.map(sizeOf));
  const networks = [...new Set(wide.map(({ network }) => network.network.name))];
  return [
    {
      check: NAME,
      severity,
      title: `${containersNamed(names)} may hang on large transfers: they take ${widest} bytes a packet, and ${out.name} takes ${out.mtu}`,
      evidence: [
        `${out.name}: mtu ${out.mtu}`,
        ...wide
          .slice(0, 5)
          .map(({ resident, link }) => `${resident.of.name}: ${link?.name} mtu ${link?.mtu}`),
      ],
      cause: `A container tells its peers that it takes packets of ${widest} bytes. Where a router between drops those that don't fit and its message is lost (a firewall that drops ICMP), small answers arrive and large ones never do: TLS hangs in its handshake, downloads stall.`,
      fixes: [
        {
          command: `nft 'add table inet mss; add chain inet mss forward { type filter hook forward priority mangle; }; add rule inet mss forward tcp flags syn tcp option maxseg size set rt mtu'`,
          does: "has TCP agree on segments that fit, for containers that run already",
          safe: false,
        },
        {
          command: `docker network create --opt com.docker.network.driver.mtu=${out.mtu} NAME`,
          does: `makes a network that fits, in place of ${networks.join(", ")} (of the default network: --mtu of the engine)`,
          safe: false,
        },
      ],
      about: { namespace: host.id, link: { namespace: host.id, ifindex: out.ifindex } },
    },
  ];
}
