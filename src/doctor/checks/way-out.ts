/** From a container to the world: what a firewall or a route of this machine has against it. */
import { because, evidenceOf, fixesOf, isDecidedHere } from "../facts/ended.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { containersNamed } from "../facts/text.ts";
import { endOf, walkEach } from "../facts/ways.ts";
import { flowsOut, type WayOut, waysOut } from "../facts/ways-out.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "way-out";

export const wayOut: Check = {
  name: NAME,
  title:
    "no firewall or route of this machine stops what containers send to the world (walked through its rules)",
  reports: [
    {
      title: "Prevent docket from setting Forward policy to DROP",
      url: "https://github.com/moby/moby/issues/39439",
    },
    { title: "docker and ufw serious problems", url: "https://github.com/moby/moby/issues/4737" },
    {
      title: "fix port forward with strict RPF and multi networks",
      url: "https://github.com/containers/netavark/pull/962",
    },
  ],
  looksAt: "host",
  look: (patient) =>
    walkEach(patient, { check: NAME, what: "ways out" }, waysOut(patient), (way) => look(patient, way)),
};

function look(patient: Patient, way: WayOut): Finding | undefined {
  const ends = flowsOut(way).map((flow) => endOf(patient, flow));
  const [first] = ends;
  // Who drops one destination alone means that one.
  if (
    !first ||
    !ends.every((one) => one && isDecidedHere(patient, one) && one.reason.code === first.reason.code)
  )
    return undefined;
  const { network, family } = way;
  const all = bridgeNetworks(patient).find((one) => one.network === network.network)?.residents ?? [];
  const over = family === 6 ? " over IPv6" : "";
  return {
    check: NAME,
    severity: "broken",
    title: `${containersNamed(all.map(({ of }) => of.name))} can't reach other hosts${over}: ${because(first)}`,
    evidence: evidenceOf(first),
    cause: `Each packet from ${network.network.name} to another host passes this machine's rules for what is forwarded. A drop is final there, whatever other tables accept: the engine's own rules can't make up for it.`,
    fixes: fixesOf(first),
    about: { namespace: patient.host.id, network: network.network.name },
  };
}
