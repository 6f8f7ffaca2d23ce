/** Frames between two ports of a bridge pass iptables where br_netfilter shows them to it: some count on that. */
import { sysctlNumber } from "../../observe/lookup.ts";
import { shownSysctl } from "../facts/namespace.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check } from "../types.ts";

const NAME = "bridge-netfilter";
const KEYS = { 4: "net.bridge.bridge-nf-call-iptables", 6: "net.bridge.bridge-nf-call-ip6tables" } as const;

export const bridgeNetfilter: Check = {
  name: NAME,
  title: "networks that keep containers apart by iptables have their frames shown to it",
  reports: [
    {
      title: "Docker does not check kernel's setting concerning bridge traffic filtering",
      url: "https://github.com/moby/moby/issues/11404",
    },
    {
      title: "Setting --icc=false doesn't block connections between containers.",
      url: "https://github.com/moby/moby/issues/12071",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const { host } = patient;
    return bridgeNetworks(patient).flatMap(({ engine, network, bridge, residents }) => {
      // Drawbridge keeps them apart in the bridge family, podman not at all.
      if (engine.kind !== "docker" || network.icc || !bridge) return [];
      if (sysctlNumber(host, KEYS[4]) === 1 || bridge.bridge?.callIptables) return [];
      const names = residents.map(({ of }) => of.name);
      return [
        {
          check: NAME,
          severity: names.length > 1 ? "broken" : "risk",
          title: `${names.length > 1 ? containersNamed(names) : "containers"} on ${network.name} reach each other, though the network has enable_icc=false`,
          evidence: [
            shownSysctl(host, KEYS[4]),
            `${network.name}: com.docker.network.bridge.enable_icc=false`,
          ],
          cause:
            "Docker keeps containers of one network apart by a rule in FORWARD. Frames from port to port of a bridge pass that rule only while br_netfilter is loaded and shows them to iptables, which it does not.",
          fixes: [
            {
              command: `modprobe br_netfilter; sysctl -w ${KEYS[4]}=1 ${KEYS[6]}=1`,
              does: "shows all bridges' frames to iptables: bridges of virtual machines as well",
              safe: false,
            },
          ],
          about: { namespace: host.id, network: network.name },
        },
      ];
    });
  },
};
