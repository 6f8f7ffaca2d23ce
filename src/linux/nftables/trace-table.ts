/**
 * Has nftables tell of packets: a table in which they are marked for it (`meta nftrace set 1`), before any other is asked.
 * It is owned by the socket that made it (NFT_TABLE_F_OWNER, Linux 5.12), so the kernel removes it with that, however this
 * process ends; and no rule of it decides anything. Numbers as linux/netfilter/nf_tables.h has them.
 */
import type { Pattern } from "../bpf/pattern.ts";
import type { Writer } from "../bytes.ts";
import { put, putBe32, putBytes, putNested, putString } from "../netlink/attribute.ts";
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import { putNetfilter } from "../netlink/netfilter.ts";
import type { NetlinkSocket, Request } from "../netlink/socket.ts";
import {
  NFT_CMP_EQ,
  NFT_META_L4PROTO,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWTABLE,
  NFT_REG_1,
  NFT_TABLE_F_OWNER,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_DATA_VALUE,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_NAME,
} from "./attributes.ts";
import { putExpression } from "./expression.ts";
import { NFPROTO, TRANSACTION } from "./transaction.ts";

const NFTA_META_SREG = 3;
const NFT_META_NFTRACE = 12;
const NFT_PAYLOAD_TRANSPORT_HEADER = 2;

/** Where packets come into a namespace's rules: NF_INET_PRE_ROUTING and NF_INET_LOCAL_OUT, and the bridge family's alike. */
const HOOKS = { prerouting: 0, output: 3 } as const;
/** INT_MIN: before every other, connection tracking and defragmentation too. */
const FIRST = 0x80000000;

/** What the names of tables that tracing is done by begin with: of whoever traces, each with one of his own. */
export const TRACING = "drawbridge-trace-";

/**
 * Begin to trace what matches a pattern, in one family's chains of the socket's namespace.
 * @param table unique: several may trace at once
 * @throws KernelError EPERM without CAP_NET_ADMIN; EINVAL, EOPNOTSUPP where the kernel knows no owned tables
 */
export function traceMatching(
  socket: NetlinkSocket,
  family: "inet" | "bridge",
  table: string,
  patterns: readonly Pattern[],
): void {
  const what = `make the ${family} table ${table} for tracing`;
  const request = (type: number, flags: number, attributes: (to: Writer) => void): Request => ({
    what,
    type,
    flags,
    body: (to) => {
      putNetfilter(to, NFPROTO[family]);
      attributes(to);
    },
  });
  const requests = [
    request(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, (to) => {
      putString(to, NFTA_TABLE_NAME, table);
      putBe32(to, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    }),
  ];
  for (const [chain, hook] of Object.entries(HOOKS)) {
    requests.push(request(NFT_MSG_NEWCHAIN, NLM_F_CREATE, (to) => putBaseChain(to, table, chain, hook)));
    for (const pattern of patterns) {
      requests.push(
        request(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, (to) => {
          putString(to, NFTA_RULE_TABLE, table);
          putString(to, NFTA_RULE_CHAIN, chain);
          putNested(to, NFTA_RULE_EXPRESSIONS, () => putTracing(to, pattern));
        }),
      );
    }
  }
  socket.batch(requests, TRANSACTION);
}

function putBaseChain(to: Writer, table: string, chain: string, hook: number): void {
  putString(to, NFTA_CHAIN_TABLE, table);
  putString(to, NFTA_CHAIN_NAME, chain);
  putNested(to, NFTA_CHAIN_HOOK, () => {
    putBe32(to, NFTA_HOOK_HOOKNUM, hook);
    putBe32(to, NFTA_HOOK_PRIORITY, FIRST);
  });
  putString(to, NFTA_CHAIN_TYPE, "filter");
}

/** `meta l4proto 6 @th,32,32 0x… meta nftrace set 1` */
function putTracing(to: Writer, { protocol, fields }: Pattern): void {
  putExpression(to, "meta", () => {
    putBe32(to, NFTA_META_KEY, NFT_META_L4PROTO);
    putBe32(to, NFTA_META_DREG, NFT_REG_1);
  });
  putEqual(to, Uint8Array.of(protocol));
  for (const { offset, bytes } of fields) {
    putExpression(to, "payload", () => {
      putBe32(to, NFTA_PAYLOAD_DREG, NFT_REG_1);
      putBe32(to, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
      putBe32(to, NFTA_PAYLOAD_OFFSET, offset);
      putBe32(to, NFTA_PAYLOAD_LEN, bytes.length);
    });
    putEqual(to, bytes);
  }
  putExpression(to, "immediate", () => {
    putBe32(to, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    putNested(to, NFTA_IMMEDIATE_DATA, () => putBytes(to, NFTA_DATA_VALUE, Uint8Array.of(1)));
  });
  putExpression(to, "meta", () => {
    putBe32(to, NFTA_META_KEY, NFT_META_NFTRACE);
    putBe32(to, NFTA_META_SREG, NFT_REG_1);
  });
}

function putEqual(to: Writer, bytes: Uint8Array): void {
  putExpression(to, "cmp", () => {
    putBe32(to, NFTA_CMP_SREG, NFT_REG_1);
    putBe32(to, NFTA_CMP_OP, NFT_CMP_EQ);
    putNested(to, NFTA_CMP_DATA, () => put(to, NFTA_DATA_VALUE, () => to.bytes(bytes)));
  });
}
