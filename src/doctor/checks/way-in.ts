/** From the world to a published port: whether the host's firewall lets it pass. */

import { because, evidenceOf, fixesOf, isDecidedHere } from "../facts/ended.ts";
import { shownPort } from "../facts/ports.ts";
import { endOf, flowsIn, type WayIn, walkEach, waysIn } from "../facts/ways.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "way-in";

export const wayIn: Check = {
  name: NAME,
  title:
    "no firewall or route of this machine stops what comes to published ports (walked through its rules)",
  reports: [
    {
      title: "published ports not available",
      url: "https://github.com/podman-container-tools/podman/issues/21119",
    },
    {
      title: "Cannot connect to server (docker/portainer and ufw)",
      url: "https://github.com/itzg/docker-minecraft-server/issues/3471",
    },
    {
      title: "Published Ports are unreachable from container host when NETAVARK_FW=firewalld is set",
      url: "https://github.com/podman-container-tools/podman/issues/20201",
    },
  ],
  looksAt: "both",
  look: (patient) => walkEach("published ports", waysIn(patient), (way) => look(patient, way)),
};

function look(patient: Patient, way: WayIn): Finding | undefined {
  const ends = flowsIn(patient, way).map((flow) => endOf(patient, flow));
  const first = ends.at(-1);
  // Some clients may be kept out by wish; where neighbours and strangers are, it is closed.
  if (!first || !ends.every((one) => one && isDecidedHere(patient, one))) return undefined;
  const { published, link } = way;
  const { resident, port, host } = published;
  return {
    check: NAME,
    severity: "broken",
    title: `port ${host.port}/${port.protocol} of ${resident.of.name} is closed for whoever comes by ${link.name}: ${because(first)}`,
    evidence: [`published: ${shownPort(published)}`, ...evidenceOf(first)],
    cause:
      "A published port is translated to the container's address, and then forwarded: opening the port itself in a host firewall (ufw allow, a service of a zone) says something about packets for the host, which these are not any more.",
    fixes: fixesOf(first),
    about: { namespace: patient.host.id, container: resident.of.name },
  };
}
