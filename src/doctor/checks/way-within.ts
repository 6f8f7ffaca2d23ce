/** Between two containers of one network, where nothing should be in the way. */
import { because, evidenceOf, fixesOf, isDecidedHere } from "../facts/ended.ts";
import { shownSysctl } from "../facts/namespace.ts";
import { endOf, walkEach } from "../facts/ways.ts";
import { flowWithin, type WayWithin, waysWithin } from "../facts/ways-out.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "way-within";

export const wayWithin: Check = {
  name: NAME,
  title: "containers of one network reach each other (walked through this machine's rules)",
  reports: [
    { title: "Only enable bridge netfiltering when needed", url: "https://github.com/moby/moby/pull/48492" },
    {
      title: "libnetwork forces iptables on all bridges system-wide",
      url: "https://github.com/moby/libnetwork/issues/2488",
    },
    {
      title: "Docker IPv6 (ip6tables) support breakes unrelated bridges",
      url: "https://github.com/moby/moby/issues/48365",
    },
  ],
  looksAt: "host",
  look: (patient) =>
    walkEach(patient, { check: NAME, what: "networks" }, waysWithin(patient), (way) => look(patient, way)),
};

function look(patient: Patient, way: WayWithin): Finding | undefined {
  const end = endOf(patient, flowWithin(way));
  if (!end || !isDecidedHere(patient, end)) return undefined;
  const { host } = patient;
  const { network, from, to, destination } = way;
  const key = `net.bridge.bridge-nf-call-ip${destination.family === 4 ? "" : "6"}tables`;
  return {
    check: NAME,
    severity: "broken",
    title: `containers on ${network.network.name} don't reach each other, as ${from.of.name} and ${to.of.name}: ${because(end)}`,
    evidence: [...evidenceOf(end), ...(end.namespace === host ? [shownSysctl(host, key)] : [])],
    cause:
      "Frames from one port of a bridge to another are shown to the IP firewall where br_netfilter is on: a rule, or a policy, that was meant for what is routed then closes what is not.",
    fixes: fixesOf(end),
    about: { namespace: host.id, network: network.network.name },
  };
}
