/** Engines' bridges that firewalld has in no zone of theirs: then they are in the default one, like a network card. */
import { shell } from "../../lib/shell.ts";
import type { NftTable } from "../../linux/nftables/program.ts";
import { linksNamedIn } from "../facts/engine-rules.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import type { Check } from "../types.ts";

const NAME = "firewalld-zone";

export const firewalldZone: Check = {
  name: NAME,
  title: "firewalld has Docker's bridges in a zone of theirs",
  reports: [
    {
      title: "Docker bridge networks not automatically added to appropriate firewalld zone",
      url: "https://github.com/moby/moby/issues/48375",
    },
    {
      title:
        "20.10.0-beta1@Fedora 33: Failed to program NAT chain: ZONE_CONFLICT: 'docker0' already bound to a zone",
      url: "https://github.com/moby/moby/issues/41609",
    },
    {
      title: "Add docker interfaces to firewalld docker zone",
      url: "https://github.com/moby/libnetwork/pull/2548",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const { host } = patient;
    const tables = host.nft.tables.filter(isFirewalld);
    if (tables.length === 0) return [];
    const named = new Set(tables.flatMap(linksNamedIn));
    // Podman's subnets are a source of zone trusted, and no link; Drawbridge's traffic is forwarded by its own table.
    const lost = bridgeNetworks(patient).filter(
      ({ engine, bridge, residents }) =>
        engine.kind === "docker" && bridge && residents.length > 0 && !named.has(bridge.name),
    );
    const names = lost.flatMap(({ bridge }) => bridge?.name ?? []);
    if (names.length === 0) return [];
    return [
      {
        check: NAME,
        severity: "risk",
        title: `firewalld has ${listed(names)} in no zone: what goes from and to containers there is judged by the default zone`,
        evidence: names.slice(0, 5).map((name) => `no rule of table inet firewalld speaks of ${name}`),
        cause:
          "dockerd puts its bridges into zone docker when it makes them, and when firewalld starts or is reloaded. It was not told, could not (the link was in another zone by hand), or the zone was emptied. The default zone lets in what is open for the machine, and refuses to forward the rest.",
        fixes: names.slice(0, 3).map((name) => ({
          command: shell`firewall-cmd --zone=docker ${`--change-interface=${name}`}`,
          does: "puts it back, until firewalld is reloaded; systemctl restart docker does so for all",
          safe: false,
        })),
        about: { namespace: host.id },
      },
    ];
  },
};

const isFirewalld = ({ name, family }: NftTable): boolean => name === "firewalld" && family !== "netdev";
