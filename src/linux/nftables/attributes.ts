/** Numbers of linux/netfilter/nf_tables.h that are both written and read, or written in several places. */
import { nftMessage } from "./transaction.ts";

/** Messages. */
export const NFT_MSG_NEWTABLE = nftMessage(0);
export const NFT_MSG_NEWCHAIN = nftMessage(3);
export const NFT_MSG_NEWRULE = nftMessage(6);
export const NFT_MSG_GETSETELEM = nftMessage(13);

/** Of tables. */
export const NFTA_TABLE_NAME = 1;
export const NFTA_TABLE_FLAGS = 2;
export const NFT_TABLE_F_OWNER = 2;

/** Of chains, and of the hook that a base chain hangs at. */
export const NFTA_CHAIN_TABLE = 1;
export const NFTA_CHAIN_NAME = 3;
export const NFTA_CHAIN_HOOK = 4;
export const NFTA_CHAIN_POLICY = 5;
export const NFTA_CHAIN_TYPE = 7;
export const NFTA_HOOK_HOOKNUM = 1;
export const NFTA_HOOK_PRIORITY = 2;

/** Of rules, and of the expressions that they are made of. */
export const NFTA_RULE_TABLE = 1;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_EXPRESSIONS = 4;
export const NFTA_LIST_ELEM = 1;
export const NFTA_EXPR_NAME = 1;
export const NFTA_EXPR_DATA = 2;

/** Of sets and their elements. */
export const NFTA_SET_NAME = 2;
export const NFTA_SET_ELEM_LIST_SET = 2;
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
export const NFTA_SET_ELEM_KEY = 1;
export const NFTA_SET_ELEM_DATA = 2;
export const NFTA_SET_ELEM_FLAGS = 3;
export const NFTA_SET_ELEM_KEY_END = 10;
export const NFT_SET_ELEM_INTERVAL_END = 1;

/** Of a value: a constant, a key. */
export const NFTA_DATA_VALUE = 1;

/** Of expressions, by their names. */
export const NFTA_IMMEDIATE_DREG = 1;
export const NFTA_IMMEDIATE_DATA = 2;
export const NFT_REG_1 = 1;
export const NFTA_CMP_SREG = 1;
export const NFTA_CMP_OP = 2;
export const NFTA_CMP_DATA = 3;
export const NFT_CMP_EQ = 0;
export const NFTA_META_DREG = 1;
export const NFTA_META_KEY = 2;
export const NFT_META_L4PROTO = 16;
export const NFTA_PAYLOAD_DREG = 1;
export const NFTA_PAYLOAD_BASE = 2;
export const NFTA_PAYLOAD_OFFSET = 3;
export const NFTA_PAYLOAD_LEN = 4;
