/** Rules in both of the kernel's firewalls, by the two commands that are both called iptables: one does not see the other's. */
import type { NftTable } from "../../linux/nftables/program.ts";
import type { XtTable } from "../../linux/xtables/types.ts";
import type { Check } from "../types.ts";

const NAME = "mixed-iptables";

export const mixedIptables: Check = {
  name: NAME,
  title: "iptables has its rules in one of the kernel's firewalls, and not in both",
  reports: [
    {
      title: 'Favoring "iptables-legacy" on Debian Sid causes iptables rules inconsistency',
      url: "https://github.com/moby/libnetwork/issues/2331",
    },
    {
      title: "agent: Detect mutual inclusion of iptables-{nft,legacy}",
      url: "https://github.com/cilium/cilium/issues/28260",
    },
    {
      title: "ip tables legacy vs nf_tables issue persists",
      url: "https://github.com/docker-library/docker/issues/467",
    },
  ],
  looksAt: "host",
  look: ({ host, container }) => {
    const legacy = host.xtables.filter(isUsed);
    const nft = host.nft.tables.filter((table) => isOfIptables(table) && hasRules(table));
    if (container || legacy.length === 0 || nft.length === 0) return [];
    const drops = legacy.some(dropsForward) !== nft.some(dropsForwardNft);
    const engines = [legacy.some(isAnEngines), nft.some(isAnEngines)];
    const split = engines[0] !== engines[1];
    return [
      {
        check: NAME,
        severity: drops && split ? "risk" : "note",
        title: `iptables' rules are in both of the kernel's firewalls: ${count(legacy)} in legacy tables, ${count(nft)} in nftables`,
        evidence: [
          ...legacy.map(({ family, name }) => `ip${family === 6 ? "6" : ""}tables-legacy -t ${name} -S`),
          ...nft.map(({ family, name }) => `nft list table ${family} ${name}`),
        ].slice(0, 8),
        cause:
          "The command iptables comes in two makes, for the old tables and for nftables, and programs here have used both: a container with a make of its own, or after an update of the distribution. A packet has to pass both, an accept in one is none in the other, and neither command shows the other's rules.",
        fixes: [
          {
            command: "iptables-legacy-save; iptables-nft-save",
            does: "shows both; move what is needed to the make that update-alternatives --display iptables shows, and flush the other",
            safe: false,
          },
        ],
        about: { namespace: host.id },
      },
    ];
  },
};

type Chains = XtTable["chains"] | NftTable["chains"];
const rulesIn = (chains: Chains): number =>
  [...chains.values()].reduce((sum, { rules }) => sum + rules.length, 0);

const dropsForward = ({ chains }: XtTable): boolean => chains.get("FORWARD")?.base?.policy === "drop";
const dropsForwardNft = ({ chains }: NftTable): boolean => chains.get("FORWARD")?.base?.policy === "drop";

const isUsed = (table: XtTable): boolean => rulesIn(table.chains) > 0 || dropsForward(table);

/** iptables-nft's: tables of the old names, whose chains begin at the old names' hooks. */
const isOfIptables = ({ family, name, chains }: NftTable): boolean =>
  (family === "ip" || family === "ip6") &&
  /^(filter|nat|mangle|raw|security)$/.test(name) &&
  [...chains.keys()].some((chain) => /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/.test(chain));

const hasRules = (table: NftTable): boolean => rulesIn(table.chains) > 0 || dropsForwardNft(table);

const isAnEngines = ({ chains }: { readonly chains: Chains }): boolean =>
  [...chains.keys()].some((name) => /^(DOCKER|NETAVARK|CNI-|KUBE-)/.test(name));

const count = (tables: readonly { readonly chains: Chains }[]): string => {
  const all = tables.reduce((sum, { chains }) => sum + rulesIn(chains), 0);
  return all === 1 ? "1 rule" : `${all} rules`;
};
