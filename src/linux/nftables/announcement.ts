/**
 * What nftables announces of each transaction, linux/netfilter/nf_tables.h: a message for each thing that came or
 * went, and at its end an NFT_MSG_NEWGEN that names who did it. All begin with
 * ```c
 * struct nfgenmsg {
 *   __u8 nfgen_family;   // NFPROTO_*
 *   __u8 version;
 *   __be16 res_id;
 * };
 * ```
 */
import { readCString } from "../bytes.ts";
import { attributeOf } from "../netlink/attribute.ts";
import type { Message } from "../netlink/message.ts";

export const NFNLGRP_NFTABLES = 7;

const NFNL_SUBSYS_NFTABLES = 10;
const NFGENMSG_SIZE = 4;

const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFT_MSG_NEWGEN = 15;

/** NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_ELEM_LIST_TABLE … all say 1. */
const NFTA_TABLE = 1;
const NFTA_GEN_PROC_NAME = 3;

/** NFPROTO_*, as nft(8) names them. */
const FAMILIES: Readonly<Record<number, string>> = {
  1: "inet",
  2: "ip",
  3: "arp",
  5: "netdev",
  7: "bridge",
  10: "ip6",
};

export type Announcement =
  /** `table`: `inet filter`. */
  | { readonly of: "elements" | "rules"; readonly table: string }
  /** The transaction ends. `by`: the name of the thread that made it, at most 15 bytes (comm). */
  | { readonly of: "end"; readonly by: string };

/** @returns undefined for what is of no matter here, and for what can't be read */
export function readAnnouncement({ type, payload }: Message): Announcement | undefined {
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES || payload.length < NFGENMSG_SIZE) return undefined;
  const attributes = payload.subarray(NFGENMSG_SIZE);
  const message = type & 0xff;
  if (message === NFT_MSG_NEWGEN) {
    const name = attributeOf(attributes, NFTA_GEN_PROC_NAME);
    return { of: "end", by: name ? readCString(name) : "" };
  }
  const name = attributeOf(attributes, NFTA_TABLE);
  const family = FAMILIES[payload[0] ?? 0];
  if (!name || !family) return undefined;
  const elements = message === NFT_MSG_NEWSETELEM || message === NFT_MSG_DELSETELEM;
  return { of: elements ? "elements" : "rules", table: `${family} ${readCString(name)}` };
}
