/** What rules in engines' own chains name: links, and addresses that they lead to. */
import { type Address, addressFromBytes } from "../../lib/ip.ts";
import type { NftExpression, NftRule, NftTable } from "../../linux/nftables/program.ts";
import { IFNAMSIZ } from "../../linux/socket-constants.ts";
import type { XtRule } from "../../linux/xtables/types.ts";
import type { Namespace } from "../../observe/types.ts";

/** Chains that engines fill, and nobody else. */
const CHAINS = /^(DOCKER(-(CT|BRIDGE|FORWARD|INTERNAL|ISOLATION-STAGE-[12]))?|NETAVARK[-_].*|CNI-.*)$/;
const TABLES = /^(netavark|docker-bridges)$/;

export interface Named {
  /** `ip nat DOCKER`. */
  readonly place: string;
  readonly links: readonly string[];
  readonly leadsTo: readonly Address[];
}

/** A rule each. */
export function namedByEngines({ nft, xtables }: Namespace): readonly Named[] {
  const ofNft = nft.tables.flatMap((table) =>
    [...table.chains.values()]
      .filter(({ name }) => TABLES.test(table.name) || CHAINS.test(name))
      .flatMap(({ name, rules }) =>
        rules.map((rule) => readNft(`${table.family} ${table.name} ${name}`, rule)),
      ),
  );
  const ofXtables = xtables.flatMap((table) =>
    [...table.chains.values()]
      .filter(({ name }) => CHAINS.test(name))
      .flatMap(({ name, rules }) =>
        rules.map((rule) => readXt(`ip${table.family === 6 ? "6" : ""} ${table.name} ${name}`, rule)),
      ),
  );
  return [...ofNft, ...ofXtables];
}

/** Links that a table speaks of: those that its rules compare with, and those that are in its sets. */
export const linksNamedIn = ({ family, name, chains, sets }: NftTable): readonly string[] => [
  ...[...chains.values()].flatMap((chain) =>
    chain.rules.flatMap((rule) => readNft(`${family} ${name} ${chain.name}`, rule).links),
  ),
  ...[...sets.values()]
    .filter(({ keyLength }) => keyLength === IFNAMSIZ)
    .flatMap((set) => set.elements().flatMap(({ key }) => wholeName(key))),
];

/** linux/netfilter/nf_tables.h: NFTA_META_*, NFTA_CMP_*, NFTA_IMMEDIATE_*, NFTA_NAT_*, NFTA_TARGET_*. */
const [META_DREG, META_KEY] = [1, 2] as const;
const NAMES_OF_LINKS: readonly number[] = [6, 7]; // NFT_META_IIFNAME, NFT_META_OIFNAME
const [CMP_SREG, CMP_OP, CMP_DATA] = [1, 2, 3] as const;
const [IMMEDIATE_DREG, IMMEDIATE_DATA] = [1, 2] as const;
const [NAT_TYPE, NAT_ADDRESS] = [1, 3] as const;
const DNAT = 1;
const EQUAL = 0;
const [TARGET_NAME, TARGET_INFO] = [1, 3] as const;
/** Before a value in NFTA_DATA_VALUE: struct nlattr. */
const ATTRIBUTE_HEADER = 4;

function readNft(place: string, { expressions }: NftRule): Named {
  const links: string[] = [];
  const leadsTo: Address[] = [];
  const namedIn = new Set<number>();
  const values = new Map<number, Uint8Array>();
  for (const one of expressions) {
    if (one.name === "meta" && NAMES_OF_LINKS.includes(number(one, META_KEY)))
      namedIn.add(number(one, META_DREG));
    else if (one.name === "cmp" && namedIn.has(number(one, CMP_SREG)) && number(one, CMP_OP) === EQUAL)
      links.push(...wholeName(dataOf(one, CMP_DATA)));
    else if (one.name === "immediate") values.set(number(one, IMMEDIATE_DREG), dataOf(one, IMMEDIATE_DATA));
    else if (one.name === "nat" && number(one, NAT_TYPE) === DNAT)
      leadsTo.push(...addressIn(values.get(number(one, NAT_ADDRESS))));
    else if (one.name === "target" && textOf(one.attributes.get(TARGET_NAME)) === "DNAT")
      leadsTo.push(...ofRange(one.attributes.get(TARGET_INFO), place.startsWith("ip6") ? 16 : 4));
  }
  return { place, links, leadsTo };
}

function readXt(place: string, { selector, action }: XtRule): Named {
  const links = [selector.in, selector.out].flatMap((one) =>
    one && !one.not && !one.pattern.endsWith("+") ? [one.pattern] : [],
  );
  const target = action.do === "target" && action.target.name === "DNAT" ? action.target.info : undefined;
  return { place, links, leadsTo: ofRange(target, place.startsWith("ip6") ? 16 : 4) };
}

/** A 32-bit number in network order; 0 where it is absent, which is no register and no key. */
const number = ({ attributes }: NftExpression, attribute: number): number => {
  const bytes = attributes.get(attribute);
  return bytes?.length === 4 ? Buffer.from(bytes).readUInt32BE(0) : 0;
};

const dataOf = ({ attributes }: NftExpression, attribute: number): Uint8Array =>
  attributes.get(attribute)?.subarray(ATTRIBUTE_HEADER) ?? new Uint8Array();

/** Up to a NUL; a name that is compared without one is a beginning. */
function wholeName(value: Uint8Array): readonly string[] {
  const text = Buffer.from(value.subarray(0, IFNAMSIZ)).toString("latin1");
  const end = text.indexOf("\0");
  return end > 0 ? [text.slice(0, end)] : [];
}

const addressIn = (value: Uint8Array | undefined): readonly Address[] =>
  value?.length === 4 || value?.length === 16 ? [addressFromBytes(value)] : [];

const textOf = (bytes: Uint8Array | undefined): string =>
  Buffer.from(bytes ?? [])
    .toString("latin1")
    .replace(/\0.*$/s, "");

/**
 * ```c
 * struct nf_nat_range2 { unsigned int flags; union nf_inet_addr min_addr, max_addr; ... };      // revisions 1 and 2
 * struct nf_nat_ipv4_multi_range_compat {                                                       // revision 0
 *   unsigned int rangesize;
 *   struct nf_nat_ipv4_range { unsigned int flags; __be32 min_ip, max_ip; ... } range[1];
 * };
 * ```
 * The first, 44 bytes or more, has its address at 4; the other, of 20, at 8.
 */
function ofRange(info: Uint8Array | undefined, size: 4 | 16): readonly Address[] {
  if (!info) return [];
  const at = info.length < 40 ? 8 : 4;
  const found = addressIn(info.slice(at, at + size));
  return found.filter(({ bits }) => bits !== 0n);
}
