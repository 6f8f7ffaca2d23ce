/**
 * Ports of a namespace's own packets written over as they leave, over nfnetlink, without libnftables: every
 * namespace would cost a context of it, and the time in which it asks the kernel for its tables.
 * linux/netfilter/nf_tables.h:
 * ```c
 * enum nft_table_attributes { NFTA_TABLE_UNSPEC, NFTA_TABLE_NAME };
 * enum nft_chain_attributes { NFTA_CHAIN_UNSPEC, NFTA_CHAIN_TABLE, NFTA_CHAIN_HANDLE, NFTA_CHAIN_NAME,
 *                             NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_USE, NFTA_CHAIN_TYPE };
 * enum nft_hook_attributes  { NFTA_HOOK_UNSPEC, NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY };
 * enum nft_rule_attributes  { NFTA_RULE_UNSPEC, NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE,
 *                             NFTA_RULE_EXPRESSIONS };
 * ```
 */
import type { Writer } from "../bytes.ts";
import { putBe32, putNested, putString } from "../netlink/attribute.ts";
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import { putNetfilter } from "../netlink/netfilter.ts";
import type { Request } from "../netlink/socket.ts";
import type { PortRewrite, PortRewrites } from "../plan.ts";
import {
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWTABLE,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_TABLE_NAME,
} from "./attributes.ts";
import { type Field, putFieldIs, putFieldSet, putProtocolIs } from "./expression.ts";
import { NFPROTO } from "./transaction.ts";

const NF_INET_LOCAL_OUT = 3;
const NF_ACCEPT = 1;
/** `raw`, linux/netfilter_ipv4.h: before connections are tracked. */
const NF_IP_PRI_RAW = -300;

const CHAIN = "output";

/** RFC 791: the addresses of an IPv4 header. */
const SOURCE: Field = { header: "network", offset: 12, length: 4 };
const DESTINATION: Field = { header: "network", offset: 16, length: 4 };
/** RFC 768 and RFC 9293 have the ports in the same place, and the checksum in places of their own. */
const SOURCE_PORT: Field = { header: "transport", offset: 0, length: 2 };
const DESTINATION_PORT: Field = { header: "transport", offset: 2, length: 2 };
const PROTOCOLS = [
  { protocol: 17, checksumAt: 6 },
  { protocol: 6, checksumAt: 16 },
] as const;

type Rule = (to: Writer) => void;

/**
 * The table of these rewrites, in the namespace of the socket; EEXIST where it is there. `what` names it in errors.
 * @throws RangeError for an address that is not of IPv4
 */
export function addRewrites(what: string, { table, ports }: PortRewrites): Request[] {
  const request = (type: number, flags: number, attributes: (to: Writer) => void): Request => ({
    what,
    type,
    flags,
    body: (to) => {
      putNetfilter(to, NFPROTO.ip);
      attributes(to);
    },
  });
  return [
    request(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, (to) => putString(to, NFTA_TABLE_NAME, table)),
    request(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, (to) => putChain(to, table)),
    ...ports.flatMap(rulesOf).map((rule) =>
      request(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, (to) => {
        putString(to, NFTA_RULE_TABLE, table);
        putString(to, NFTA_RULE_CHAIN, CHAIN);
        putNested(to, NFTA_RULE_EXPRESSIONS, rule);
      }),
    ),
  ];
}

/** `type filter hook output priority raw; policy accept;` */
function putChain(to: Writer, table: string): void {
  putString(to, NFTA_CHAIN_TABLE, table);
  putString(to, NFTA_CHAIN_NAME, CHAIN);
  putString(to, NFTA_CHAIN_TYPE, "filter");
  putBe32(to, NFTA_CHAIN_POLICY, NF_ACCEPT);
  putNested(to, NFTA_CHAIN_HOOK, () => {
    putBe32(to, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
    putBe32(to, NFTA_HOOK_PRIORITY, NF_IP_PRI_RAW);
  });
}

/** Of each protocol, there and back. */
function rulesOf({ address, from, to: port }: PortRewrite): Rule[] {
  if (address.family !== 4) throw new RangeError("ports are rewritten for IPv4 alone");
  return PROTOCOLS.flatMap(({ protocol, checksumAt }): Rule[] => [
    (to) => {
      putFieldIs(to, DESTINATION, { address });
      putProtocolIs(to, protocol);
      putFieldIs(to, DESTINATION_PORT, { port: from });
      putFieldSet(to, DESTINATION_PORT, { port }, checksumAt);
    },
    (to) => {
      putFieldIs(to, SOURCE, { address });
      putProtocolIs(to, protocol);
      putFieldIs(to, SOURCE_PORT, { port });
      putFieldSet(to, SOURCE_PORT, { port: from }, checksumAt);
    },
  ]);
}
