/** From the world to a published port: whether the host's firewall lets it pass. */
import { because, evidenceOf, fixesOf, isDecidedHere } from "../facts/ended.ts";
import { shownPort } from "../facts/ports.ts";
import { type Ended, endOf, walkEach } from "../facts/ways.ts";
import { flowsIn, type WayIn, waysIn } from "../facts/ways-in.ts";
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
  look: (patient) =>
    walkEach(patient, { check: NAME, what: "published ports" }, waysIn(patient), (way) => look(patient, way)),
};

function look(patient: Patient, way: WayIn): Finding | undefined {
  const { near, strangers } = way;
  const [neighbour, stranger] = [near, strangers].map((clients) =>
    flowsIn(patient, way, clients)
      .map((flow) => endOf(patient, flow))
      .find((end) => end && isDecidedHere(patient, end)),
  );
  // Some clients may be kept out by wish; where neighbours and strangers are, it is closed.
  const closed = [...(near.length > 0 ? [neighbour] : []), ...(strangers.length > 0 ? [stranger] : [])];
  const [first] = closed;
  if (first && closed.every((one) => one !== undefined)) return finding(patient, way, first, "broken");
  // Nobody wishes for the reverse path filter of one link to drop who comes by it from afar.
  return stranger?.reason.code === "reverse-path" ? finding(patient, way, stranger, "risk") : undefined;
}

function finding({ host }: Patient, way: WayIn, end: Ended, severity: "broken" | "risk"): Finding {
  const { published, link } = way;
  const { resident, port, host: at } = published;
  const whom = severity === "broken" ? "whoever" : "who";
  const afar = severity === "broken" ? "" : " from beyond its own network";
  return {
    check: NAME,
    severity,
    title: `port ${at.port}/${port.protocol} of ${resident.of.name} is closed for ${whom} comes by ${link.name}${afar}: ${because(end)}`,
    evidence: [`published: ${shownPort(published)}`, ...evidenceOf(end)],
    cause:
      "A published port is translated to the container's address, and then forwarded: opening the port itself in a host firewall (ufw allow, a service of a zone) says something about packets for the host, which these are not any more.",
    fixes: fixesOf(end),
    about: { namespace: host.id, container: resident.of.name },
  };
}
