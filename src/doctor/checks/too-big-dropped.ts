/** Routers that say that a packet is too large, and are not heard: connections open, and then hang. */
import { formatAddress, parseAddress } from "../../lib/ip.ts";
import { sysctlNumber } from "../../observe/lookup.ts";
import { describeNft } from "../../trace/firewall/nft/describe.ts";
import { describeXt } from "../../trace/firewall/xt/describe.ts";
import { ruleText } from "../../trace/fixes/words.ts";
import { wayThere } from "../facts/forecast.ts";
import { shownSysctl } from "../facts/namespace.ts";
import { attachmentsOf } from "../facts/networks.ts";
import { containersNamed, verb } from "../facts/text.ts";
import { type About, whereTooBigEnds } from "../facts/too-big.ts";
import { walkEach } from "../facts/ways.ts";
import { flowsOut, type WayOut, waysOut } from "../facts/ways-out.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "too-big-dropped";
/** Of documentation, RFC 5737 and RFC 3849: a router somewhere on the way. */
const ROUTER = { 4: parseAddress("192.0.2.1"), 6: parseAddress("2001:db8:eeee::1") } as const;

export const tooBigDropped: Check = {
  name: NAME,
  title:
    "routers that say that a packet is too large are heard by containers (walked through this machine's rules)",
  reports: [
    {
      title: "Docker breaks Path MTU Discovery when host is using IPSEC",
      url: "https://github.com/moby/moby/issues/12565",
    },
    {
      title: "Enable TCP Path MTU Discovery when an ICMP black hole is detected",
      url: "https://github.com/kubernetes/minikube/pull/9537",
    },
    {
      title: "Add a warning in case the interface of the default route has a MTU lower than 1500",
      url: "https://github.com/moby/moby/issues/49398",
    },
  ],
  looksAt: "both",
  look: async (patient) => [
    ...(await walkEach(patient, { check: NAME, what: "networks" }, waysOut(patient), (way) =>
      look(patient, way),
    )),
    ...notLearned(patient),
  ],
};

/** Where the first packet gets out: what does not is another check's. */
function aboutOf(patient: Patient, way: WayOut): About | undefined {
  const { host } = patient;
  const { resident, network } = way;
  const [flow] = flowsOut(way);
  const hops = flow && wayThere(patient, flow);
  const [first] = hops ?? [];
  const out = hops?.findLast(({ event, namespace }) => namespace === host.id && event.kind === "out");
  const link = attachmentsOf(patient).find(
    (one) => one.resident === resident && one.network === network,
  )?.link;
  if (!flow || !first || out?.event.kind !== "out" || !link || !network.bridge) return undefined;
  return {
    host,
    uplink: out.event.link.ifindex,
    bridge: network.bridge.ifindex,
    home: resident.namespace,
    link: link.ifindex,
    container: first.packet.source,
    outside: out.packet.source,
    peer: flow.destination,
    router: ROUTER[way.family],
  };
}

function look(patient: Patient, way: WayOut): Finding | undefined {
  const { host, topology } = patient;
  const about = aboutOf(patient, way);
  const end = about && whereTooBigEnds(about);
  if (!about || !end) return undefined;
  const [rule = end.rule] = describeXt(describeNft([end.rule], topology), topology);
  const names = way.network.residents.map(({ of }) => of.name);
  const what = way.family === 4 ? "ICMP 3/4 (fragmentation needed)" : "ICMPv6 2 (packet too big)";
  return {
    check: NAME,
    severity: "risk",
    title: `${containersNamed(names)} ${verb(names, "is", "are")} not told when a packet is too large for the way: this machine drops ${what}`,
    evidence: [
      `from a router to ${formatAddress(about.outside)}, about a connection of ${formatAddress(about.container)}: dropped at ${end.hook}`,
      `in namespace ${end.namespace.name}: ${ruleText(rule)}`,
    ],
    cause:
      "Somebody has closed ICMP for safety, and with it what path MTU discovery lives on. Where a link on the way carries less than the sender's (a tunnel, PPPoE, a cloud's network), large packets vanish: connections open, and hang as soon as there is much to send.",
    fixes: [
      {
        command: "sysctl -w net.ipv4.tcp_mtu_probing=1",
        does: "has this machine's own TCP try smaller packets when large ones get lost; containers have the setting each for themselves (docker run --sysctl)",
        safe: false,
      },
    ],
    about: { namespace: host.id, network: way.network.network.name },
  };
}

/** ip-sysctl: 1 and above take no notice of what routers say. */
function notLearned({ host, container }: Patient): readonly Finding[] {
  const key = "net.ipv4.ip_no_pmtu_disc";
  const value = sysctlNumber(host, key) ?? 0;
  if (container || value === 0) return [];
  return [
    {
      check: NAME,
      severity: "note",
      title: "this machine does not discover the path MTU: it is switched off",
      evidence: [shownSysctl(host, key)],
      cause:
        "Packets are sent without the bit that forbids to cut them (1), or what routers say of their size is not believed (2, 3). Links behind which packets must not be cut lose the large ones.",
      fixes: [{ command: `sysctl -w ${key}=0`, does: "discovers it, as is the default", safe: false }],
      about: { namespace: host.id },
    },
  ];
}
