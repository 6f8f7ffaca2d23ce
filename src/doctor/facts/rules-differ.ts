/** Two rule sets, program by program: what one has that the other has not. Elements of sets that have a name are no rules. */
import type { NftChain, NftElement, NftRule, NftTable } from "../../linux/nftables/program.ts";

export type Difference =
  | { readonly what: "chain missing"; readonly chain: string }
  | { readonly what: "chain added"; readonly chain: string }
  | { readonly what: "set missing"; readonly set: string }
  /** Its hook, priority or policy. */
  | { readonly what: "base changed"; readonly chain: string; readonly is: string; readonly should: string }
  /** `index` of the rule in its chain as it should be. */
  | { readonly what: "rule missing"; readonly chain: string; readonly index: number }
  | { readonly what: "rule added"; readonly chain: string; readonly handle: number }
  /** All are there, in another order. */
  | { readonly what: "order changed"; readonly chain: string };

/** NFTA_LOOKUP_SET. */
const LOOKUP_SET = 1;

export function differences(is: NftTable, should: NftTable): readonly Difference[] {
  const names = [...new Set([...should.chains.keys(), ...is.chains.keys()])];
  return [
    ...[...should.sets.values()]
      .filter(({ name, anonymous }) => !anonymous && !is.sets.has(name))
      .map(({ name }) => ({ what: "set missing", set: name }) as const),
    ...names.flatMap((chain) => ofChain(chain, is, should)),
  ];
}

function ofChain(chain: string, is: NftTable, should: NftTable): readonly Difference[] {
  const [mine, theirs] = [is.chains.get(chain), should.chains.get(chain)];
  if (!mine) return [{ what: "chain missing", chain }];
  if (!theirs) return [{ what: "chain added", chain }];
  const [now, then] = [baseOf(mine), baseOf(theirs)];
  const base: readonly Difference[] =
    now === then ? [] : [{ what: "base changed", chain, is: now, should: then }];
  const [have, want] = [
    mine.rules.map((rule) => printOf(rule, is)),
    theirs.rules.map((rule) => printOf(rule, should)),
  ];
  const added = without(have, want).map(
    (at): Difference => ({
      what: "rule added",
      chain,
      handle: mine.rules[at]?.handle ?? 0,
    }),
  );
  const missing = without(want, have).map((index): Difference => ({ what: "rule missing", chain, index }));
  const moved =
    added.length + missing.length === 0 && have.some((print, i) => print !== want[i])
      ? [{ what: "order changed", chain } as const]
      : [];
  return [...base, ...missing, ...added, ...moved];
}

const baseOf = ({ base }: NftChain): string =>
  base
    ? `type ${base.type} hook ${base.hook} priority ${base.priority}; policy ${base.policy}`
    : "no base chain";

/** Places of those of one list that the other has not, or not as often. */
function without(all: readonly string[], others: readonly string[]): readonly number[] {
  const left = new Map<string, number>();
  for (const one of others) left.set(one, (left.get(one) ?? 0) + 1);
  return all.flatMap((one, i) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count > 0 ? [] : [i];
  });
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");

/** What a rule is by its program. Sets without a name are told by what is in them: their numbers differ from load to load. */
const printOf = ({ expressions }: NftRule, table: NftTable): string =>
  expressions
    .map(({ name, attributes }) =>
      [...attributes]
        .toSorted(([a], [b]) => a - b)
        .map(([type, bytes]) =>
          name === "lookup" && type === LOOKUP_SET ? setPrint(bytes, table) : `${type}=${hex(bytes)}`,
        )
        .reduce((text, one) => `${text} ${one}`, name),
    )
    .join("; ");

function setPrint(name: Uint8Array, { sets }: NftTable): string {
  const text = Buffer.from(name).toString("latin1").replace(/\0.*$/s, "");
  const set = sets.get(text);
  return set?.anonymous ? `{${set.elements().map(elementPrint).toSorted().join()}}` : text;
}

const elementPrint = ({ key, keyEnd, end, data, verdict }: NftElement): string =>
  `${hex(key)}-${hex(keyEnd)}${end ? "]" : ""}:${hex(data)}${verdict?.code ?? ""}`;
