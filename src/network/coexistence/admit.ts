/**
 * Past dockerd's FORWARD DROP, in the place that it leaves to others: one jump in DOCKER-USER, and a chain of our
 * own. dockerd's containers stay behind its rules: from our bridges only what leaves by the host's uplinks is
 * accepted, named one by one, so that a network that dockerd makes while no engine runs is not opened. What goes
 * to our bridges is accepted, since our own tables decide about it.
 *
 * By iptables-restore(8), as dockerd itself does: rules of nft's own expressions make the whole table unreadable
 * to iptables.
 */
import type { Chain, Rule, Table } from "./ruleset.ts";

const PLACE = "DOCKER-USER";
const CHAIN = "DRAWBRIDGE";
const JUMP = `-m comment --comment drawbridge -j ${CHAIN}`;

/** Whether it has a place for that: iptables' own table, with dockerd's chain in it. */
export const hasPlace = (table: Table): boolean =>
  table.tool !== "nft" && table.name === "filter" && table.chains.has(PLACE);

/** The table as it would be without us. */
export function withoutUs(table: Table): Table {
  if (!table.chains.has(CHAIN)) return table;
  return { ...table, chains: new Map(table.chains).set(CHAIN, { name: CHAIN, rules: [] }) };
}

const isJump = ({ action }: Rule): boolean => action.do === "jump" && action.chain === CHAIN;

/** Nothing gets past it. */
const isLast = ({ matches, action }: Rule): boolean =>
  matches.length === 0 && ["accept", "drop", "return"].includes(action.do);

/** Input of `iptables-restore --noflush` that admits our bridges in `table`; undefined where it is done. */
export function admission(
  table: Table,
  bridges: readonly string[],
  uplinks: readonly string[],
): string | undefined {
  const wanted = bridges.flatMap((bridge) => [
    `-A ${CHAIN} -o ${bridge} -j ACCEPT`,
    ...uplinks.map((uplink) => `-A ${CHAIN} -i ${bridge} -o ${uplink} -j ACCEPT`),
  ]);
  const present = table.chains.get(CHAIN)?.rules.map(({ evidence }) => evidence) ?? [];
  const place = jumpsIn(table.chains.get(PLACE));
  if (present.join("\n") === wanted.join("\n") && place === "right") return undefined;
  return lines(
    `:${CHAIN} - [0:0]`,
    ...wanted,
    ...(place === "right"
      ? []
      : [...place.wrong.map(() => `-D ${PLACE} ${JUMP}`), `-I ${PLACE} ${place.insert} ${JUMP}`]),
  );
}

/** Takes us out of `table` again; undefined where we aren't in it. */
export function withdrawal(table: Table): string | undefined {
  const jumps = table.chains.get(PLACE)?.rules.filter(isJump) ?? [];
  if (jumps.length === 0 && !table.chains.has(CHAIN)) return undefined;
  return lines(`:${CHAIN} - [0:0]`, ...jumps.map(() => `-D ${PLACE} ${JUMP}`), `-X ${CHAIN}`);
}

/** Behind the administrator's own rules, before the RETURN that dockerd puts at the end: its number, from 1. */
function jumpsIn(
  chain: Chain | undefined,
): "right" | { readonly wrong: readonly Rule[]; readonly insert: number } {
  const rules = chain?.rules ?? [];
  const wrong = rules.filter(isJump);
  const others = rules.filter((rule) => !isJump(rule));
  const end = others.findIndex(isLast);
  const right = wrong.length === 1 && rules.findIndex(isJump) <= (end < 0 ? others.length : end);
  return right ? "right" : { wrong, insert: (end < 0 ? others.length : end) + 1 };
}

const lines = (...rules: readonly string[]): string => ["*filter", ...rules, "COMMIT", ""].join("\n");
