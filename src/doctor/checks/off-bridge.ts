/** The host's end of a container's pair that is not a port of its network's bridge, or one that does not forward. */
import { shell } from "../../lib/shell.ts";
import { BR_STATE_FORWARDING, PORT_STATES } from "../../linux/rtnetlink/port-state.ts";
import { linkAt } from "../../observe/place.ts";
import { type Attachment, attachmentsOf } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "off-bridge";

export const offBridge: Check = {
  name: NAME,
  title: "each container's pair is a port of its network's bridge, and the port forwards",
  reports: [
    {
      title: "Some veths created by Docker are not assigned a master bridge",
      url: "https://github.com/moby/moby/issues/26492",
    },
    {
      title: "Work around races from systemd-networkd hijacking the veths",
      url: "https://github.com/coreos/docker/pull/30",
    },
  ],
  looksAt: "containers",
  look: (patient) =>
    attachmentsOf(patient).flatMap((attachment) => [
      ...misplaced(patient, attachment),
      ...silenced(patient, attachment),
      ...isolated(patient, attachment),
    ]),
};

function misplaced({ host }: Patient, { resident, port, network }: Attachment): readonly Finding[] {
  const { bridge } = network;
  if (!port || !bridge || port.master === bridge.ifindex) return [];
  const elsewhere = linkAt(host, port.master)?.name;
  const { name, engine } = resident.of;
  // So that the container reaches its own published ports: Docker has a proxy for that.
  const hairpin = engine === "drawbridge" ? shell` && bridge link set dev ${port.name} hairpin on` : "";
  return [
    {
      check: NAME,
      severity: "broken",
      title:
        elsewhere === undefined
          ? `container ${name} is cut off from ${network.network.name}: ${port.name} is no port of ${bridge.name}`
          : `container ${name} is on the wrong bridge: ${port.name} is a port of ${elsewhere}, not of ${bridge.name}`,
      evidence: [
        `ip link show ${port.name}: master ${elsewhere ?? "(none)"}`,
        `network ${network.network.name}: bridge ${bridge.name}`,
      ],
      cause:
        "The pair was taken off the bridge after the container was started: by hand, or by a network manager that thinks that the link is its own. Frames end at the host's end of the pair.",
      fixes: [
        {
          command: `${shell`ip link set ${port.name} master ${bridge.name}`}${hairpin}`,
          does: "makes it a port again, at once; tell the network manager to leave veth* alone",
          safe: true,
        },
      ],
      about: { namespace: host.id, link: { namespace: host.id, ifindex: port.ifindex }, container: name },
    },
  ];
}

function silenced({ host }: Patient, { resident, port, network }: Attachment): readonly Finding[] {
  const state = port?.port?.state;
  const { bridge } = network;
  // A port that is down is disabled, which is told as what it is; that of a bridge that is down as well.
  if (!port?.up || !port.carrier || !bridge?.up) return [];
  if (port.master !== bridge.ifindex || state === undefined || state === BR_STATE_FORWARDING) return [];
  const passing = state === 1 || state === 2;
  const { name } = resident.of;
  return [
    {
      check: NAME,
      severity: passing ? "risk" : "broken",
      title: `container ${name} ${passing ? "is not yet heard" : "is not heard"} on ${network.network.name}: port ${port.name} of ${bridge.name} is ${PORT_STATES[state]}`,
      evidence: [`bridge link show dev ${port.name}: state ${PORT_STATES[state]}`],
      cause: passing
        ? "The bridge runs the spanning tree protocol and waits before it trusts a new port: half a minute, in which nothing passes."
        : "The bridge does not forward what comes by this port: the spanning tree protocol blocked it, or somebody did.",
      fixes: [
        passing
          ? {
              command: shell`ip link set ${bridge.name} type bridge stp_state 0`,
              does: "switches the spanning tree protocol off: a bridge of containers has no loops",
              safe: false,
            }
          : {
              command: shell`bridge link set dev ${port.name} state ${BR_STATE_FORWARDING}`,
              does: "has the port forward",
              safe: true,
            },
      ],
      about: { namespace: host.id, link: { namespace: host.id, ifindex: port.ifindex }, container: name },
    },
  ];
}

/** No engine isolates ports: where several of a network are, they are kept apart by somebody else. */
function isolated(patient: Patient, { resident, port, network }: Attachment): readonly Finding[] {
  const { bridge } = network;
  if (!port?.port?.isolated || !bridge || !network.network.icc) return [];
  const others = patient.host.links.filter(
    (link) => link !== port && link.master === bridge.ifindex && link.port?.isolated,
  );
  if (others.length === 0) return [];
  const { name } = resident.of;
  return [
    {
      check: NAME,
      severity: "broken",
      title: `container ${name} is kept apart from others on ${network.network.name}: port ${port.name} of ${bridge.name} is isolated`,
      evidence: [
        `bridge -d link show dev ${port.name}: isolated on`,
        `isolated as well: ${listed(others.map((link) => link.name))}`,
      ],
      cause:
        "A bridge passes nothing between ports that are isolated: they reach the host, and not each other. Somebody has set it, or a network manager's profile for bridge ports has.",
      fixes: [
        {
          command: shell`bridge link set dev ${port.name} isolated off`,
          does: "lets the port speak with all others",
          safe: false,
        },
      ],
      about: {
        namespace: patient.host.id,
        link: { namespace: patient.host.id, ifindex: port.ifindex },
        container: name,
      },
    },
  ];
}
