/** Whether somebody lowers the segment size that TCP announces, as routers before a narrow link do. */
import type { NftExpression, NftRule } from "../../linux/nftables/program.ts";
import type { Namespace } from "../../observe/types.ts";

/** NFTA_EXTHDR_*, linux/netfilter/nf_tables.h: an `exthdr` that has a source register writes. */
const [EXTHDR_TYPE, EXTHDR_SREG] = [2, 7] as const;
/** TCPOPT_MSS, RFC 9293. */
const MSS = 2;
/** NFTA_TARGET_NAME. */
const TARGET_NAME = 1;

export function clampsSegments({ nft, xtables }: Namespace): boolean {
  const rules: readonly NftRule[] = nft.tables.flatMap(({ chains }) =>
    [...chains.values()].flatMap((chain) => chain.rules),
  );
  return (
    rules.some(({ expressions }) => expressions.some(clamps)) ||
    xtables.some(({ chains }) =>
      [...chains.values()].some((chain) =>
        chain.rules.some(({ action }) => action.do === "target" && action.target.name === "TCPMSS"),
      ),
    )
  );
}

function clamps({ name, attributes }: NftExpression): boolean {
  if (name === "exthdr") return attributes.has(EXTHDR_SREG) && attributes.get(EXTHDR_TYPE)?.[0] === MSS;
  return (
    name === "target" &&
    Buffer.from(attributes.get(TARGET_NAME) ?? [])
      .toString("latin1")
      .startsWith("TCPMSS")
  );
}
