/** Sets and maps, net/netfilter/nft_lookup.c, nft_dynset.c, nft_objref.c. */
import type { NftElement, NftExpression, NftSet } from "../../../../linux/nftables/program.ts";
import { be32Or0, listOf, nameOr, readBe32 } from "../../../../linux/nftables/read-numbers.ts";
import { readExpression } from "../../../../linux/nftables/read-rule.ts";
import { either, type Machine, type Operation, type Result, registerAt, type Way } from "../machine.ts";
import { lookUp } from "../sets.ts";
import { proxied } from "./ends.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;
/** Compiles the expressions that elements carry. */
export type Compile = (expression: NftExpression) => Operation;

const NFT_LOOKUP_F_INV = 1;
/** Elements that are told apart where the key can't be known. */
const MOST_ELEMENTS = 6;

/**
 * enum nft_lookup_attributes { …, NFTA_LOOKUP_SET, NFTA_LOOKUP_SREG, NFTA_LOOKUP_DREG, NFTA_LOOKUP_SET_ID,
 * NFTA_LOOKUP_FLAGS }
 */
export function lookup(attributes: Attributes, compile: Compile): Operation {
  const name = nameOr(attributes.get(1), "");
  const from = registerAt(attributes.get(2));
  const target = attributes.get(3);
  const to = target && registerAt(target);
  const inverted = (be32Or0(attributes.get(5)) & NFT_LOOKUP_F_INV) !== 0;
  const take = (machine: Machine, element: NftElement): Result => {
    if (to !== undefined && to >= 0 && element.data) machine.store(to, element.data);
    const own = runAll(machine, element.expressions.map(compile));
    if (own !== "continue") return own;
    const { verdict } = element;
    return to === undefined || to >= 0 || !verdict || verdict.code === "continue" ? "continue" : { verdict };
  };
  return (machine) => {
    const set = machine.table.sets.get(name);
    if (!set) return either(`set ${name} has the packet`, `set ${name} has not the packet`);
    const doubt = machine.doubt(from, set.keyLength);
    if (doubt !== undefined) return guess(set, doubt, inverted, to !== undefined, take);
    const element = lookUp(set, machine.load(from, set.keyLength));
    if ((element !== undefined) === inverted) return "break";
    return element ? take(machine, element) : "continue";
  };
}

function guess(
  set: NftSet,
  doubt: string,
  inverted: boolean,
  maps: boolean,
  take: (machine: Machine, element: NftElement) => Result,
): Result {
  const title = set.anonymous ? "the rule's set" : `@${set.name}`;
  if (inverted || !maps) {
    const ways = [`${doubt} is in ${title}`, `${doubt} is not in ${title}`] as const;
    return inverted ? either(ways[1], ways[0]) : either(...ways);
  }
  const elements = set
    .elements()
    .filter(({ end }) => !end)
    .slice(0, MOST_ELEMENTS);
  const ways = elements.map(
    (element, index): Way => ({
      assuming: `${doubt} leads to element ${index + 1} of ${title}`,
      go: (machine) => take(machine, element),
    }),
  );
  return { ways: [...ways, { assuming: `${doubt} is not in ${title}`, go: () => "break" }] };
}

/** One after another, as far as they go on. */
function runAll(machine: Machine, operations: readonly Operation[]): Result {
  for (const [index, operation] of operations.entries()) {
    const result = operation(machine);
    if (result === "continue") continue;
    if (typeof result === "string" || !("ways" in result)) return result;
    const rest = operations.slice(index + 1);
    return {
      ways: result.ways.map(({ assuming, go }) => ({
        assuming,
        go: (forked) => {
          const first = go(forked);
          return first === "continue" ? runAll(forked, rest) : first;
        },
      })),
    };
  }
  return "continue";
}

/** enum nft_dynset_ops, NFT_DYNSET_F_INV */
const DYNSET_DELETE = 2;
const DYNSET_INVERTED = 1;

/**
 * enum nft_dynset_attributes { …, NFTA_DYNSET_SET_NAME, NFTA_DYNSET_SET_ID, NFTA_DYNSET_OP, NFTA_DYNSET_SREG_KEY,
 * NFTA_DYNSET_SREG_DATA, NFTA_DYNSET_TIMEOUT, NFTA_DYNSET_EXPR, NFTA_DYNSET_PAD, NFTA_DYNSET_FLAGS,
 * NFTA_DYNSET_EXPRESSIONS }. A set that is full is not thought of.
 */
export function dynset(attributes: Attributes, compile: Compile): Operation {
  const name = nameOr(attributes.get(1), "");
  const deletes = be32Or0(attributes.get(3)) === DYNSET_DELETE;
  const inverted = (be32Or0(attributes.get(9)) & DYNSET_INVERTED) !== 0;
  const one = attributes.get(7);
  const operations = (one ? [one] : listOf(attributes.get(10))).map(readExpression).map(compile);
  return (machine) => {
    machine.do(deletes ? `delete from @${name}` : `add to @${name}`);
    if (deletes) return "continue";
    return inverted ? "break" : runAll(machine, operations);
  };
}

/** NFT_OBJECT_*, by what they do to a packet: what only counts or marks lets it go on. */
const OBJECTS: Readonly<Record<number, Operation>> = {
  2: () => either("the quota is not used up", "the quota is used up"),
  4: () => either("the limit is not used up", "the limit is used up"),
  5: () => either("there are fewer connections than the limit", "there are more connections than the limit"),
  10: proxied,
};

/**
 * enum nft_objref_attributes { …, NFTA_OBJREF_IMM_TYPE, NFTA_OBJREF_IMM_NAME, NFTA_OBJREF_SET_SREG,
 * NFTA_OBJREF_SET_NAME, NFTA_OBJREF_SET_ID }
 */
export function objref(attributes: Attributes): Operation {
  const type = readBe32(attributes.get(1));
  const run = (machine: Machine, object: number): Result => OBJECTS[object]?.(machine) ?? "continue";
  if (type !== undefined) return (machine) => run(machine, type);
  const from = registerAt(attributes.get(3));
  const name = nameOr(attributes.get(4), "");
  return (machine) => {
    const set = machine.table.sets.get(name);
    if (!set || machine.doubt(from, set.keyLength) !== undefined)
      return either(`@${name} has the packet`, `@${name} has not the packet`);
    const element = lookUp(set, machine.load(from, set.keyLength));
    return element ? run(machine, set.objectType ?? 0) : "break";
  };
}
