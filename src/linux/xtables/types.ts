/**
 * Tables of xtables (`iptables-legacy`, linux/netfilter/x_tables.h), and the matches and targets that iptables-nft keeps
 * in nftables' `match` and `target` expressions: the same structures in both.
 */
import type { Prefix } from "../../lib/ip.ts";

/** A match or a target by its name and revision, with its structure as the kernel holds it. */
export interface XtExtension {
  readonly name: string;
  readonly revision: number;
  readonly info: Uint8Array;
  /** Its words, name first, where it was read out of text and nobody here knows its structure; `info` is empty then. */
  readonly written?: readonly string[];
}

export type XtHook = "prerouting" | "input" | "forward" | "output" | "postrouting";

/** Addresses that a rule asks for. */
export interface XtAddresses {
  readonly prefix: Prefix;
  /** The bits that count, where they are no prefix's (`10.0.0.1/255.0.0.255`); `prefix` is one address then. */
  readonly mask?: bigint;
  readonly not: boolean;
}

/** struct ipt_ip, ip6t_ip6: what every rule can ask without a match. `not` inverts. */
export interface XtSelector {
  readonly source?: XtAddresses;
  readonly destination?: XtAddresses;
  /** A name, or its beginning with a `+` at its end. */
  readonly in?: { readonly pattern: string; readonly not: boolean };
  readonly out?: { readonly pattern: string; readonly not: boolean };
  readonly protocol?: { readonly number: number; readonly not: boolean };
  /** IPT_F_FRAG: second and further fragments. */
  readonly fragment?: { readonly not: boolean };
}

export type XtAction =
  | { readonly do: "accept" | "drop" | "queue" | "return" }
  /** No target: it counts. */
  | { readonly do: "continue" }
  | { readonly do: "jump" | "goto"; readonly chain: string }
  | { readonly do: "target"; readonly target: XtExtension };

export interface XtRule {
  /** From 1, in its chain: what `iptables -L --line-numbers` says. */
  readonly number: number;
  readonly selector: XtSelector;
  readonly matches: readonly XtExtension[];
  readonly action: XtAction;
  readonly packets: bigint;
}

export interface XtChain {
  readonly name: string;
  /** Of built-in chains. */
  readonly base?: { readonly hook: XtHook; readonly policy: "accept" | "drop" };
  readonly rules: readonly XtRule[];
}

export interface XtTable {
  readonly family: 4 | 6;
  /** `filter`, `nat`, `mangle`, `raw`, `security`; each has its priorities at its hooks. */
  readonly name: string;
  readonly chains: ReadonlyMap<string, XtChain>;
}
