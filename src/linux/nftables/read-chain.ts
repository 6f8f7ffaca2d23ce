/**
 * Chains out of NFT_MSG_NEWCHAIN, linux/netfilter/nf_tables.h:
 * ```c
 * enum nft_chain_attributes { NFTA_CHAIN_UNSPEC, NFTA_CHAIN_TABLE, NFTA_CHAIN_HANDLE, NFTA_CHAIN_NAME,
 *                             NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_USE, NFTA_CHAIN_TYPE };
 * enum nft_hook_attributes  { NFTA_HOOK_UNSPEC, NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY, NFTA_HOOK_DEV,
 *                             NFTA_HOOK_DEVS };
 * enum nft_devices_attributes { NFTA_DEVICE_UNSPEC, NFTA_DEVICE_NAME };
 * ```
 */
import { readCString } from "../bytes.ts";
import { attributesOf } from "../netlink/attribute.ts";
import {
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TYPE,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
} from "./attributes.ts";
import type { NftChain, NftFamily, NftHook, NftRule } from "./program.ts";
import { be32Or0, listOf, nameOr, readBe32, readBe64 } from "./read-numbers.ts";

const NFTA_CHAIN_HANDLE = 2;
const NFTA_HOOK_DEV = 3;
const NFTA_HOOK_DEVS = 4;

const NF_DROP = 0;

/** enum nf_inet_hooks, linux/netfilter.h; linux/netfilter_bridge.h numbers the first five alike. */
const INET: readonly NftHook[] = ["prerouting", "input", "forward", "output", "postrouting", "ingress"];
/** linux/netfilter_arp.h; enum nf_dev_hooks. */
const HOOKS: Readonly<Record<NftFamily, readonly NftHook[]>> = {
  ip: INET,
  ip6: INET,
  inet: INET,
  bridge: INET,
  arp: ["input", "output", "forward"],
  netdev: ["ingress", "egress"],
};

/** @param rules of the chain, in their order */
export function readChain(
  family: NftFamily,
  attributes: ReadonlyMap<number, Uint8Array>,
  rules: readonly NftRule[],
): NftChain {
  const base = readBase(family, attributes);
  return {
    name: nameOr(attributes.get(NFTA_CHAIN_NAME), ""),
    handle: Number(readBe64(attributes.get(NFTA_CHAIN_HANDLE)) ?? 0n),
    ...(base && { base }),
    rules,
  };
}

/** @returns undefined of chains that are jumped to alone, and of hooks that are not known here */
function readBase(family: NftFamily, attributes: ReadonlyMap<number, Uint8Array>): NftChain["base"] {
  const hook = attributesOf(attributes.get(NFTA_CHAIN_HOOK));
  const number = readBe32(hook.get(NFTA_HOOK_HOOKNUM));
  const name = number === undefined ? undefined : HOOKS[family][number];
  if (!name) return undefined;
  return {
    type: typeOf(nameOr(attributes.get(NFTA_CHAIN_TYPE), "filter")),
    hook: name,
    priority: be32Or0(hook.get(NFTA_HOOK_PRIORITY)) | 0,
    policy: readBe32(attributes.get(NFTA_CHAIN_POLICY)) === NF_DROP ? "drop" : "accept",
    devices: devicesOf(hook),
  };
}

const typeOf = (name: string): "filter" | "nat" | "route" =>
  name === "nat" || name === "route" ? name : "filter";

function devicesOf(hook: ReadonlyMap<number, Uint8Array>): string[] {
  const many = listOf(hook.get(NFTA_HOOK_DEVS));
  const one = hook.get(NFTA_HOOK_DEV);
  return (many.length > 0 ? many : one ? [one] : []).map(readCString);
}
