/** From this machine to a published port at 127.0.0.1: what a loopback address may do is a matter of sysctls. */
import { because, evidenceOf, fixesOf, isDecidedHere } from "../facts/ended.ts";
import { type Published, publishedPorts, shownPort } from "../facts/ports.ts";
import { endOf, flowLocal, walkEach } from "../facts/ways.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "way-local";

export const wayLocal: Check = {
  name: NAME,
  title: "this machine reaches published ports at 127.0.0.1 (walked through its rules)",
  reports: [
    {
      title: "[1.11.2] Published Port not accessible via localhost",
      url: "https://github.com/moby/moby/issues/23730",
    },
    {
      title: "route_localnet=1 should only require a MASQUERADE rule for 127.0.0.1, not all host interfaces",
      url: "https://github.com/moby/moby/issues/45629",
    },
  ],
  looksAt: "both",
  look: (patient) =>
    walkEach("published ports", publishedPorts(patient), (published) => look(patient, published)),
};

function look(patient: Patient, published: Published): Finding | undefined {
  const { host } = patient;
  const flow = flowLocal(host, published);
  const end = flow && endOf(patient, flow);
  if (!flow || !end || !isDecidedHere(patient, end)) return undefined;
  const { resident, host: at, port } = published;
  const bridges = host.links.filter(
    ({ kind, settings }) => kind === "bridge" && settings?.routeLocalnet === false,
  );
  return {
    check: NAME,
    severity: "broken",
    title: `this machine can't reach port ${at.port}/${port.protocol} of ${resident.of.name} at its own 127.0.0.1: ${because(end)}`,
    evidence: [
      `published: ${shownPort(published)}`,
      ...evidenceOf(end),
      ...(end.reason.code === "martian"
        ? bridges.slice(0, 4).map(({ name }) => `net.ipv4.conf.${name}.route_localnet = 0`)
        : []),
    ],
    cause:
      "What is sent to 127.0.0.1 and translated leaves by the bridge with a loopback address for its sender, which the kernel takes for a mistake unless route_localnet is on there, and the rules give it another.",
    fixes: fixesOf(end),
    about: { namespace: host.id, container: resident.of.name },
  };
}
