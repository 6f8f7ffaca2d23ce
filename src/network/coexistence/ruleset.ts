/** Somebody else's firewall, as far as it decides about what we forward: one shape for nftables and xtables. */
import type { Prefix } from "../../lib/ip.ts";

export type Family = "ip" | "ip6" | "inet" | "bridge";

/** What must hold of a packet. Of several all must. */
export type Match =
  /** It enters, or leaves, by one of these links; a name that ends in `*` is a beginning of names. */
  | { readonly on: "in" | "out"; readonly names: readonly string[]; readonly not: boolean }
  /** Its connection is in one of these states: `new`, `established`, `related`, `invalid` …; or `dnat`: it was translated. */
  | { readonly on: "state"; readonly states: readonly string[]; readonly not: boolean }
  /** It is of this family. */
  | { readonly on: "family"; readonly family: 4 | 6 }
  /** It is of one of these protocols, by name: `tcp`, `icmp` … */
  | { readonly on: "protocol"; readonly protocols: readonly string[]; readonly not: boolean }
  | {
      readonly on: "source" | "destination";
      readonly subnets: readonly Prefix[];
      readonly not: boolean;
    }
  /** The bridge forwards it, not the host. */
  | { readonly on: "bridged"; readonly not: boolean }
  /** Something that isn't looked into: a port, a mark, a rate … */
  | { readonly on: "other" };

export type Action =
  | { readonly do: "accept" | "drop" | "return" }
  | { readonly do: "jump" | "goto"; readonly chain: string }
  /** It counts, logs, marks. */
  | { readonly do: "continue" }
  /** It may go any way. */
  | { readonly do: "unknown" };

export interface Rule {
  readonly matches: readonly Match[];
  readonly action: Action;
  /** To find it by: `handle 12` with nft, its own words with iptables. */
  readonly evidence: string;
}

export interface Chain {
  readonly name: string;
  /** Of a base chain at the forward hook. */
  readonly policy?: "accept" | "drop";
  readonly rules: readonly Rule[];
}

export interface Table {
  /** By which program it is seen and changed. */
  readonly tool: "nft" | "iptables" | "iptables-legacy";
  readonly family: Family;
  readonly name: string;
  readonly chains: ReadonlyMap<string, Chain>;
}
