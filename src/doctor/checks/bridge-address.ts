/** A bridge that is not there, or has lost the address that containers have for a gateway. */
import { formatAddress, formatPrefix } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import type { Namespace } from "../../observe/types.ts";
import { addressesOf, hasAddress } from "../facts/namespace.ts";
import { bridgeNetworks, inhibits4, isIsolated, type Network } from "../facts/networks.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check, Finding } from "../types.ts";

const NAME = "bridge-address";

export const bridgeAddress: Check = {
  name: NAME,
  title: "each network's bridge is there, with the gateway's address",
  reports: [
    {
      title: "docker0 interface keeps loosing IPv4 ipaddress",
      url: "https://github.com/moby/moby/issues/40217",
    },
    {
      title: "IPv4 address not assigned to bridge network interfaces",
      url: "https://github.com/moby/moby/issues/38942",
    },
    {
      title: "bridge address / route lost on last container exit",
      url: "https://github.com/moby/moby/issues/31477",
    },
    {
      title:
        "Default bridge network (sometimes) left with no IP after restarting dockerd, when default-address-pools configured",
      url: "https://github.com/moby/moby/issues/49596",
    },
  ],
  looksAt: "host",
  look: (patient) =>
    bridgeNetworks(patient).flatMap((network) =>
      network.bridge ? addressless(patient.host, network) : missing(patient.host, network),
    ),
};

/** podman makes a bridge with the first container on it, and removes it with the last. */
function missing(host: Namespace, { engine, network, residents }: Network): readonly Finding[] {
  if (engine.kind === "podman" && residents.length === 0) return [];
  const names = residents.map(({ of }) => of.name);
  return [
    {
      check: NAME,
      severity: names.length > 0 ? "broken" : "risk",
      title:
        names.length > 0
          ? `${containersNamed(names)} have no network: the bridge of ${network.name} is gone`
          : `the bridge of network ${network.name} is gone: no container on it will start`,
      evidence: [`ip link show ${network.bridge}: does not exist`],
      cause: "It was deleted while the engine ran: by hand, or by a network manager that started anew.",
      fixes: [
        {
          command: `systemctl restart ${SERVICES[engine.kind]}`,
          does: "has the engine make it again; containers on it have to be restarted",
          safe: false,
        },
      ],
      about: { namespace: host.id, network: network.name },
    },
  ];
}

const SERVICES = { drawbridge: "drawbridge", docker: "docker", podman: "podman" } as const;

function addressless(host: Namespace, { network, bridge, residents }: Network): readonly Finding[] {
  if (!bridge || isIsolated(network)) return [];
  return network.subnets.flatMap(({ subnet, gateway }) => {
    if (!gateway || hasAddress(host, bridge, gateway)) return [];
    const { family } = gateway;
    if ((family === 6 && !network.ipv6) || (family === 4 && inhibits4(network))) return [];
    // Where a container has it for its gateway, it is missed.
    const hurt = residents.filter(({ of }) =>
      of.endpoints.some(({ gateways }) => gateways.some((one) => one.bits === gateway.bits)),
    );
    if (network.internal && hurt.length === 0) return [];
    const here = addressesOf(host, bridge).map(({ address }) => formatPrefix(address));
    const shown = `${formatAddress(gateway)}/${subnet.length}`;
    return [
      {
        check: NAME,
        severity: hurt.length > 0 ? "broken" : "risk",
        title:
          hurt.length > 0
            ? `${containersNamed(hurt.map(({ of }) => of.name))} can't leave network ${network.name}: its gateway ${formatAddress(gateway)} is not on ${bridge.name}`
            : `network ${network.name} has no gateway: ${formatAddress(gateway)} is not on ${bridge.name}`,
        evidence: [
          `ip addr show ${bridge.name}: ${here.join(", ") || "(no address)"}`,
          `network ${network.name}: gateway ${formatAddress(gateway)}`,
        ],
        cause:
          "The engine gave the bridge its address when it made it. systemd-networkd and NetworkManager are known to take it away when the bridge loses its last port.",
        fixes: [
          {
            command: `ip addr add ${shown}${family === 4 ? " broadcast +" : ""} ${shell`dev ${bridge.name}`}`,
            does: "gives the bridge its address back; have the network manager leave it alone (Unmanaged=yes)",
            safe: true,
          },
        ],
        about: { namespace: host.id, network: network.name },
      } satisfies Finding,
    ];
  });
}
