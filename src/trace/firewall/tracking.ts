/**
 * Whether a namespace tracks connections of a family: since Linux 4.10 the kernel does so from the first rule on that needs it,
 * and by family (nf_ct_netns_get of net/netfilter/nf_conntrack_proto.c). A nat chain without rules doesn't, nor does `notrack`;
 * a rule of a dormant table does (seen on 6.18).
 */
import type { Family } from "../../lib/ip.ts";
import { LITTLE_ENDIAN, readCString } from "../../linux/bytes.ts";
import type { NftExpression, NftFamily, NftTable } from "../../linux/nftables/program.ts";
import type { XtExtension, XtTable } from "../../linux/xtables/types.ts";
import type { TracksConnections } from "./types.ts";

const XT_CT_NOTRACK = 1;
/** Matches and targets whose `checkentry` asks for tracking. */
const XT_MATCHES = new Set(
  "conntrack state connmark connbytes connlabel connlimit helper cluster".split(" "),
);
const XT_TARGETS = new Set(
  "SNAT DNAT MASQUERADE REDIRECT NETMAP CONNMARK CONNSECMARK SYNPROXY CLUSTERIP".split(" "),
);
/** Expressions whose `init` does. `connlimit` is nft(8)'s `ct count`. */
const NFT_EXPRESSIONS = new Set("ct masq redir connlimit synproxy flow_offload".split(" "));

const FAMILIES: Readonly<Partial<Record<NftFamily, readonly Family[]>>> = {
  ip: [4],
  ip6: [6],
  inet: [4, 6],
  // The bridge's own tracking stands on both.
  bridge: [4, 6],
};
/** enum nft_nat_attributes; NFPROTO_IPV4 and NFPROTO_IPV6 of linux/netfilter.h. */
const NFTA_NAT_FAMILY = 2;
const NFPROTO_IPV6 = 10;
/** enum nft_match_attributes, nft_target_attributes: the same numbers. */
const NFTA_MATCH_NAME = 1;
const NFTA_MATCH_INFO = 3;

export const tracksConnections: TracksConnections = (namespace, family) =>
  namespace.xtables.some((table) => table.family === family && xtTracks(table)) ||
  namespace.nft.tables.some((table) => nftTracks(table, family));

const xtTracks = (table: XtTable): boolean =>
  [...table.chains.values()].some(({ rules }) =>
    rules.some(
      ({ matches, action }) =>
        matches.some(({ name }) => XT_MATCHES.has(name)) ||
        (action.do === "target" && targetTracks(action.target)),
    ),
  );

/** `CT --notrack` takes packets out of tracking, and needs none. */
const targetTracks = ({ name, info }: Pick<XtExtension, "name" | "info">): boolean =>
  XT_TARGETS.has(name) || (name === "CT" && ((info[LITTLE_ENDIAN ? 0 : 1] ?? 0) & XT_CT_NOTRACK) === 0);

function nftTracks(table: NftTable, family: Family): boolean {
  if (!FAMILIES[table.family]?.includes(family)) return false;
  return [...table.chains.values()].some(({ rules }) =>
    rules.some(({ expressions }) => expressions.some((expression) => expressionTracks(expression, family))),
  );
}

function expressionTracks({ name, attributes }: NftExpression, family: Family): boolean {
  if (NFT_EXPRESSIONS.has(name)) return true;
  if (name === "nat") {
    return (attributes.get(NFTA_NAT_FAMILY)?.at(-1) === NFPROTO_IPV6 ? 6 : 4) === family;
  }
  if (name !== "match" && name !== "target") return false;
  const extension = readCString(attributes.get(NFTA_MATCH_NAME) ?? new Uint8Array());
  if (name === "match") return XT_MATCHES.has(extension);
  return targetTracks({ name: extension, info: attributes.get(NFTA_MATCH_INFO) ?? new Uint8Array() });
}
