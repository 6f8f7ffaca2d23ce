/** A link of the way between a container and its bridge that is switched off, or has nothing at its other end. */
import { shell } from "../../lib/shell.ts";
import type { EngineContainer, Namespace, ObservedLink } from "../../observe/types.ts";
import { inside, isUnplugged, uplinksOf } from "../facts/namespace.ts";
import { type Attachment, attachmentsOf } from "../facts/networks.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "link-down";

export const linkDown: Check = {
  name: NAME,
  title:
    "the links between each container and its bridge are up, and so is its loopback; and this machine is plugged in",
  reports: [
    {
      title: "fix(rpi-image): keep NetworkManager off Docker's veth interfaces",
      url: "https://github.com/mniedermaier/CybICS/pull/224",
    },
    {
      title: "Containers lose connectivity to the internet (after some time - trigger unknown)",
      url: "https://github.com/moby/moby/issues/15172",
    },
  ],
  looksAt: "both",
  look: (patient) => [
    ...unpluggedHost(patient),
    ...attachmentsOf(patient).flatMap((attachment) => alongTheWay(patient, attachment)),
    ...patient.containers.flatMap(({ namespace, of }) =>
      namespace.links
        .filter(({ loopback, up }) => loopback && !up)
        .map((link) => down(namespace, link, of.name, "its programs can't reach each other at 127.0.0.1")),
    ),
  ],
};

function unpluggedHost({ host }: Patient): readonly Finding[] {
  const uplinks = isUnplugged(host) ? uplinksOf(host) : [];
  return uplinks.map((link) => ({
    check: NAME,
    severity: "broken",
    title: `this machine is cut off: ${link.name}, which its default route leads by, has no carrier`,
    evidence: [`${host.name}: ${link.name} NO-CARRIER`],
    cause:
      "The cable is out, the port at the other end is switched off, or the virtual machine's network was disconnected. What containers send to other hosts ends at this link.",
    fixes: [
      {
        command: shell`ethtool ${link.name}`,
        does: "shows whether the link is detected, and how",
        safe: false,
      },
    ],
    about: { namespace: host.id, link: { namespace: host.id, ifindex: link.ifindex } },
  }));
}

function alongTheWay({ host }: Patient, { resident, link, port, network }: Attachment): readonly Finding[] {
  const { of, namespace } = resident;
  const { bridge } = network;
  const cut = `it is cut off from network ${network.network.name}`;
  if (link && !link.up) return [down(namespace, link, of.name, cut)];
  if (port && !port.up) return [down(host, port, of.name, cut)];
  if (bridge && !bridge.up) return [down(host, bridge, of.name, cut)];
  if (link && !link.carrier && link.kind === "veth" && !port) return [unplugged(namespace, link, of)];
  return [];
}

function down(namespace: Namespace, link: ObservedLink, container: string, effect: string): Finding {
  const where = namespace.host ? link.name : `its ${link.name}`;
  return {
    check: NAME,
    severity: "broken",
    title: `container ${container}: ${where} is down, so ${effect}`,
    evidence: [`${namespace.name}: ${link.name} state DOWN, not UP in its flags`],
    cause:
      "Somebody or something has switched the link off: ip link set … down, or a network manager that takes links for its own.",
    fixes: [
      {
        command: inside(namespace, shell`ip link set ${link.name} up`),
        does: "switches it on; a container's default route that went with the link comes back when it is restarted",
        safe: true,
      },
    ],
    about: { namespace: namespace.id, link: { namespace: namespace.id, ifindex: link.ifindex }, container },
  };
}

function unplugged(namespace: Namespace, link: ObservedLink, of: EngineContainer): Finding {
  const container = of.name;
  return {
    check: NAME,
    severity: "broken",
    title: `container ${container}: its ${link.name} leads nowhere: the other end of the pair is down or not on this machine's side`,
    evidence: [`${namespace.name}: ${link.name} NO-CARRIER, peer index ${link.other?.ifindex ?? "unknown"}`],
    cause:
      "The host's end of the pair is not in the host's namespace any more, or it was switched off there.",
    fixes: [
      {
        command: shell`${of.engine} restart ${container}`,
        does: "makes the pair anew",
        safe: false,
      },
    ],
    about: { namespace: namespace.id, link: { namespace: namespace.id, ifindex: link.ifindex }, container },
  };
}
