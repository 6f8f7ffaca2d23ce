/**
 * nftables as the kernel holds it, linux/netfilter/nf_tables.h: what `NFT_MSG_GET*` dumps tell, decoded and not
 * interpreted. A rule is a program of expressions over registers, and here is that very program, whoever wrote it: nft,
 * iptables-nft, netavark, dockerd. nft(8)'s words for it are libnftables' (`library.ts`), asked for by the handle.
 */

/** NFPROTO_* by nft(8)'s names. */
export type NftFamily = "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev";

/** enum nf_inet_hooks, nf_br_hooks (linux/netfilter_bridge.h), nf_dev_hooks, by nft(8)'s names. */
export type NftHook = "prerouting" | "input" | "forward" | "output" | "postrouting" | "ingress" | "egress";

/** What an expression leaves in the verdict register, or a policy says. `queue` and `stolen` end a packet's way here. */
export type NftVerdict =
  | { readonly code: "accept" | "drop" | "queue" | "continue" | "return" | "break" | "stolen" }
  | { readonly code: "jump" | "goto"; readonly chain: string };

/** Attributes of an expression as the kernel tells them, by NFTA_* number of its kind. Values are not interpreted. */
export interface NftExpression {
  /** `payload`, `cmp`, `lookup`, `immediate`, `match` … */
  readonly name: string;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

export interface NftRule {
  readonly handle: number;
  readonly expressions: readonly NftExpression[];
  /** NFTNL_UDATA_RULE_COMMENT, where one was given. */
  readonly comment?: string;
}

export interface NftChain {
  readonly name: string;
  readonly handle: number;
  /** Of base chains alone. */
  readonly base?: {
    readonly type: "filter" | "nat" | "route";
    readonly hook: NftHook;
    readonly priority: number;
    readonly policy: "accept" | "drop";
    /** Of netdev chains, and of inet ones at ingress: the links that they are bound to. */
    readonly devices: readonly string[];
  };
  readonly rules: readonly NftRule[];
}

/** One element. Of intervals in sets of single keys, the kernel tells two: the first, and one with `end` that is beyond the last. */
export interface NftElement {
  readonly key: Uint8Array;
  /** Of concatenated ranges: the last key. */
  readonly keyEnd?: Uint8Array;
  readonly end: boolean;
  readonly data?: Uint8Array;
  readonly verdict?: NftVerdict;
  /** Of maps of objects: the name of the counter, limit, quota … */
  readonly object?: string;
  /** NFT_SET_ELEM_CATCHALL: matches where no other does. */
  readonly catchall: boolean;
  /** Expressions of the element's own: counters, limits, quotas. */
  readonly expressions: readonly NftExpression[];
}

export interface NftSet {
  readonly name: string;
  /** Anonymous sets are found by name as well: `__set%d`. */
  readonly anonymous: boolean;
  readonly map: boolean;
  readonly interval: boolean;
  /** NFT_SET_CONCAT. The lengths in bytes of the parts follow in `fields`, each padded to whole registers in keys. */
  readonly concatenation: boolean;
  readonly fields: readonly number[];
  /** NFT_SET_EVAL, timeouts: packets change what is in it. */
  readonly dynamic: boolean;
  readonly keyType: number;
  readonly keyLength: number;
  readonly dataType?: number;
  /** NFT_OBJECT_* of maps of objects: 1 counter, 2 quota, 3 ct helper, 4 limit, 5 connlimit, 7 ct timeout, 10 synproxy. */
  readonly objectType?: number;
  /** Decoded at first use: a published port is an element, and there may be ten thousand. */
  readonly elements: () => readonly NftElement[];
  /**
   * The element of exactly this key, or without a key the catch-all one; no other is decoded for it. Absent of sets that
   * were not read from a kernel.
   */
  readonly find?: (key: Uint8Array | undefined) => NftElement | undefined;
}

export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
  readonly handle: number;
  /** NFT_TABLE_F_DORMANT: none of its chains is asked. */
  readonly dormant: boolean;
  /** NFT_TABLE_F_OWNER: it goes with the socket that made it. */
  readonly owned: boolean;
  readonly chains: ReadonlyMap<string, NftChain>;
  readonly sets: ReadonlyMap<string, NftSet>;
}

export interface NftRuleset {
  /** NFTA_GEN_ID: it grows with each transaction. */
  readonly generation: number;
  readonly tables: readonly NftTable[];
}

export const EMPTY_RULESET: NftRuleset = { generation: 0, tables: [] };
