/** Network managers that take engines' links for their own: they wipe addresses, ask for leases, move links off bridges. */
import { shellWord } from "../../lib/shell.ts";
import type { ObservedLink } from "../../observe/types.ts";
import { attachmentsOf, bridgeNetworks } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import type { Check, Finding, Fix, Patient } from "../types.ts";

const NAME = "managed-links";
/** Links whose state is read: a file each. */
const MOST = 256;

export const managedLinks: Check = {
  name: NAME,
  title: "systemd-networkd and NetworkManager leave engines' links alone",
  reports: [
    {
      title: 'systemd-networkd default "unmanaged" for docker*, br-*, veth*',
      url: "https://github.com/systemd/systemd/issues/28626",
    },
    {
      title: "fix(rpi-image): keep NetworkManager off Docker's veth interfaces",
      url: "https://github.com/mniedermaier/CybICS/pull/224",
    },
    {
      title: "ptp: host veth interface has no IP address assigned",
      url: "https://github.com/containernetworking/cni/issues/77",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const bridges = bridgeNetworks(patient).flatMap(({ bridge }) => bridge ?? []);
    const ports = attachmentsOf(patient).flatMap(({ port }) => port ?? []);
    return [
      ...byNetworkd(patient, [...bridges, ...ports].slice(0, MOST)),
      // It lists engines' bridges as its own without touching them; a pair's end that it manages, it sets up.
      ...byNetworkManager(patient, ports.slice(0, MOST)),
    ];
  },
};

/** A key of a file of lines `KEY=value`. */
const keyIn = (text: string | undefined, key: string): string | undefined =>
  text?.match(new RegExp(`^${key}=(.*)$`, "m"))?.[1];

interface Managed {
  readonly link: ObservedLink;
  readonly evidence: string;
}

/** sd_network(3) reads it so: a link without a file of its own is `unmanaged`. */
function byNetworkd(patient: Patient, links: readonly ObservedLink[]): readonly Finding[] {
  const managed = links.flatMap((link): readonly Managed[] => {
    const path = `/run/systemd/netif/links/${link.ifindex}`;
    const text = patient.tools.readText(path);
    const [state, file] = [keyIn(text, "ADMIN_STATE"), keyIn(text, "NETWORK_FILE")];
    if (state === undefined || state === "unmanaged" || !file) return [];
    return [{ link, evidence: `networkctl status ${link.name}: ${state}, by ${file}` }];
  });
  const pattern = patternFor(managed);
  return finding(patient, "systemd-networkd", managed, {
    command: `printf ${shellWord(`[Match]\\nName=${pattern}\\n[Link]\\nUnmanaged=yes\\n`)} > /etc/systemd/network/05-engines.network && networkctl reload`,
    does: "has it leave such links alone, those to come as well; containers that have lost their network have to be restarted",
    safe: false,
  });
}

/** NetworkManager's own notes of each link that it knows, a key file. */
function byNetworkManager(patient: Patient, links: readonly ObservedLink[]): readonly Finding[] {
  const managed = links.flatMap((link): readonly Managed[] => {
    const text = patient.tools.readText(`/run/NetworkManager/devices/${link.ifindex}`);
    if (keyIn(text, "managed") !== "true" || !keyIn(text, "connection-uuid")) return [];
    return [
      {
        link,
        evidence: `nmcli device: ${link.name} managed, connection ${keyIn(text, "connection-uuid")}`,
      },
    ];
  });
  return finding(patient, "NetworkManager", managed, {
    command:
      "printf '[keyfile]\\nunmanaged-devices=interface-name:veth*\\n' > /etc/NetworkManager/conf.d/engines.conf && nmcli general reload",
    does: "has it leave containers' pairs alone, those to come as well",
    safe: false,
  });
}

const patternFor = (managed: readonly Managed[]): string =>
  [...new Set(managed.map(({ link }) => (link.kind === "veth" ? "veth*" : link.name)))].join(" ");

function finding(patient: Patient, who: string, managed: readonly Managed[], fix: Fix): readonly Finding[] {
  if (managed.length === 0) return [];
  return [
    {
      check: NAME,
      severity: "risk",
      title: `${who} manages ${listed(managed.map(({ link }) => link.name))}, which ${managed.length === 1 ? "is" : "are"} an engine's`,
      evidence: managed.slice(0, 5).map(({ evidence }) => evidence),
      cause:
        "A rule that is meant for network cards matches engines' links as well (Name=*, Name=en* veth*, or no name at all). It takes their addresses away, asks for a lease that nobody gives, or moves a pair off its bridge: often only for those that are made after it has started.",
      fixes: [fix],
      about: { namespace: patient.host.id },
    },
  ];
}
