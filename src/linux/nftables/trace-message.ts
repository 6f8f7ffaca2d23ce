/**
 * What nftables tells of a packet that is traced, NFT_MSG_TRACE: each rule that it matched, each policy that it met.
 * ```c
 * enum nft_trace_attributes {
 *   NFTA_TRACE_UNSPEC, NFTA_TRACE_TABLE, NFTA_TRACE_CHAIN, NFTA_TRACE_RULE_HANDLE, NFTA_TRACE_TYPE, NFTA_TRACE_VERDICT,
 *   NFTA_TRACE_ID, NFTA_TRACE_LL_HEADER, NFTA_TRACE_NETWORK_HEADER, NFTA_TRACE_TRANSPORT_HEADER, NFTA_TRACE_IIF,
 *   NFTA_TRACE_IIFTYPE, NFTA_TRACE_OIF, NFTA_TRACE_OIFTYPE, NFTA_TRACE_MARK, NFTA_TRACE_NFPROTO, NFTA_TRACE_POLICY
 * };
 * enum nft_trace_types { NFT_TRACETYPE_UNSPEC, NFT_TRACETYPE_POLICY, NFT_TRACETYPE_RETURN, NFT_TRACETYPE_RULE };
 * ```
 * Headers are told by the first message of each base chain alone. There is no time in it.
 */
import { readCString } from "../bytes.ts";
import { attributesOf } from "../netlink/attribute.ts";
import type { Message } from "../netlink/message.ts";
import { NFGENMSG_SIZE } from "../netlink/netfilter.ts";
import type { NftFamily, NftVerdict } from "./program.ts";
import { readBe32, readBe64 } from "./read-numbers.ts";
import { readVerdict } from "./read-verdict.ts";
import { NFPROTO, nftMessage } from "./transaction.ts";

export const NFNLGRP_NFTRACE = 9;

const NFT_MSG_TRACE = nftMessage(17);
const NFTA_TRACE_TABLE = 1;
const NFTA_TRACE_CHAIN = 2;
const NFTA_TRACE_RULE_HANDLE = 3;
const NFTA_TRACE_TYPE = 4;
const NFTA_TRACE_VERDICT = 5;
const NFTA_TRACE_ID = 6;
const NFTA_TRACE_NETWORK_HEADER = 8;
const NFTA_TRACE_TRANSPORT_HEADER = 9;
const NFTA_TRACE_IIF = 10;
const NFTA_TRACE_OIF = 12;
const NFTA_TRACE_POLICY = 16;

const TYPES = { 1: "policy", 2: "return", 3: "rule" } as const;
const NF_ACCEPT = 1;

const FAMILIES = new Map<number, NftFamily>(
  Object.entries(NFPROTO).map(([name, number]) => [number, name as NftFamily]),
);

export interface TraceMessage {
  /** The same for one packet in one namespace. */
  readonly id: number;
  readonly family: NftFamily;
  readonly table: string;
  readonly chain: string;
  readonly type: (typeof TYPES)[keyof typeof TYPES];
  /** Of the rule. */
  readonly handle?: number;
  readonly verdict?: NftVerdict;
  /** Of the links, by index, where the hook has them. */
  readonly in?: number;
  readonly out?: number;
  /** At most the first 40 and 20 bytes. */
  readonly network?: Uint8Array;
  readonly transport?: Uint8Array;
}

/** @returns undefined for what is no such message, and for what can't be read */
export function readTraceMessage({ type, payload }: Message): TraceMessage | undefined {
  if (type !== NFT_MSG_TRACE) return undefined;
  const attributes = attributesOf(payload.subarray(NFGENMSG_SIZE));
  const family = FAMILIES.get(payload[0] ?? 0);
  const id = attributes.get(NFTA_TRACE_ID);
  const table = attributes.get(NFTA_TRACE_TABLE);
  const chain = attributes.get(NFTA_TRACE_CHAIN);
  const kind = TYPES[(readBe32(attributes.get(NFTA_TRACE_TYPE)) ?? 0) as keyof typeof TYPES];
  if (!family || !id || !table || !chain || !kind) return undefined;
  const handle = readBe64(attributes.get(NFTA_TRACE_RULE_HANDLE));
  const policy = readBe32(attributes.get(NFTA_TRACE_POLICY));
  const verdict: NftVerdict | undefined =
    policy === undefined
      ? readVerdict(attributes.get(NFTA_TRACE_VERDICT))
      : { code: policy === NF_ACCEPT ? "accept" : "drop" };
  const iif = readBe32(attributes.get(NFTA_TRACE_IIF));
  const oif = readBe32(attributes.get(NFTA_TRACE_OIF));
  const network = attributes.get(NFTA_TRACE_NETWORK_HEADER);
  const transport = attributes.get(NFTA_TRACE_TRANSPORT_HEADER);
  return {
    // A hash of the packet's address: of no order.
    id: readBe32(id) ?? 0,
    family,
    table: readCString(table),
    chain: readCString(chain),
    type: kind,
    ...(handle !== undefined && { handle: Number(handle) }),
    ...(verdict && { verdict }),
    ...(iif !== undefined && { in: iif }),
    ...(oif !== undefined && { out: oif }),
    ...(network && { network: Uint8Array.from(network) }),
    ...(transport && { transport: Uint8Array.from(transport) }),
  };
}
