/**
 * Rules out of NFT_MSG_NEWRULE, linux/netfilter/nf_tables.h:
 * ```c
 * enum nft_rule_attributes { NFTA_RULE_UNSPEC, NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE,
 *                            NFTA_RULE_EXPRESSIONS, NFTA_RULE_COMPAT, NFTA_RULE_POSITION, NFTA_RULE_USERDATA };
 * enum nft_expr_attributes { NFTA_EXPR_UNSPEC, NFTA_EXPR_NAME, NFTA_EXPR_DATA };
 * ```
 * The user data is nft's own, libnftnl/udata.h: type, length, value; of type 0 (NFTNL_UDATA_RULE_COMMENT) a C string.
 */
import { memo } from "../../lib/memo.ts";
import { readCString } from "../bytes.ts";
import { attributesOf } from "../netlink/attribute.ts";
import { NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_RULE_EXPRESSIONS } from "./attributes.ts";
import type { NftExpression, NftRule } from "./program.ts";
import { listOf, readBe64 } from "./read-numbers.ts";

const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_USERDATA = 7;
const NFTNL_UDATA_RULE_COMMENT = 0;

/** An expression's attributes, of the value of one NFTA_LIST_ELEM or NFTA_SET_ELEM_EXPR. */
export function readExpression(bytes: Uint8Array): NftExpression {
  const attributes = attributesOf(bytes);
  const name = attributes.get(NFTA_EXPR_NAME);
  return { name: name ? readCString(name) : "", attributes: attributesOf(attributes.get(NFTA_EXPR_DATA)) };
}

/** `attributes` may be looked into later: they must be of memory that stays. Expressions are decoded at first use. */
export function readRule(attributes: ReadonlyMap<number, Uint8Array>): NftRule {
  const comment = readComment(attributes.get(NFTA_RULE_USERDATA));
  const expressions = memo(() => listOf(attributes.get(NFTA_RULE_EXPRESSIONS)).map(readExpression));
  return {
    handle: Number(readBe64(attributes.get(NFTA_RULE_HANDLE)) ?? 0n),
    get expressions() {
      return expressions();
    },
    ...(comment !== undefined && { comment }),
  };
}

function readComment(data: Uint8Array = new Uint8Array()): string | undefined {
  for (let at = 0; at + 2 <= data.length; at += 2 + (data[at + 1] ?? 0)) {
    if (data[at] === NFTNL_UDATA_RULE_COMMENT)
      return readCString(data.subarray(at + 2, at + 2 + (data[at + 1] ?? 0)));
  }
  return undefined;
}
