/** A look at the other firewalls of the host, and what is done about them. */
import { messageOf } from "../../lib/errors.ts";
import type { Kernel } from "../../linux/kernel.ts";
import type { KernelChanges } from "../../linux/monitor.ts";
import { readHostState } from "../host-state.ts";
import { admission, hasPlace, withdrawal, withoutUs } from "./admit.ts";
import { isOurs } from "./damage.ts";
import { type Flow, flowsOf, framesOf, type PathFacts, uplinksOf } from "./flows.ts";
import { type Finding, findDrops, sentence } from "./foreign.ts";
import { hasLegacyTable, restore, saveTables } from "./iptables.ts";
import { forwardTables, readTable } from "./nft-json.ts";
import type { Table } from "./ruleset.ts";

export interface Survey {
  /** What is dropped, a sentence each. */
  readonly warnings: readonly string[];
  /** What was changed, a sentence each. */
  readonly done: readonly string[];
  /** Changes that didn't bring about what they should have, and how often they were tried one after another. */
  readonly vain: ReadonlyMap<string, number>;
  /** The links that there were, but for those of containers, and for bridges of ours that had no address yet. */
  readonly links: ReadonlySet<string>;
}

export const NOTHING_SEEN: Survey = { warnings: [], done: [], vain: new Map(), links: new Set() };

/** A table that somebody else changes at the same moment may be right the next time. */
const ATTEMPTS = 3;

/** Whether what was seen may be different after these changes. */
export function concerns(changes: KernelChanges, seen: Survey): boolean {
  return (
    changes.lost ||
    [...changes.tables].some(([table, what]) => what === "rules" && !isOurs(table)) ||
    [...changes.links.values()].some(({ name, kind }) => kind !== "veth" && !seen.links.has(name)) ||
    [...changes.gone.values()].some((name) => seen.links.has(name))
  );
}

export interface SurveyOptions {
  readonly kernel: Kernel;
  readonly bridges: readonly string[];
  readonly admit: boolean;
}

/**
 * @param before what was seen the last time
 * @throws what nft or iptables say, where the rules can't be read
 */
export async function survey(
  { kernel, bridges, admit }: SurveyOptions,
  before: Survey = NOTHING_SEEN,
): Promise<Survey> {
  const [tables, facts] = await Promise.all([readTables(kernel), readPathFacts(kernel)]);
  const uplinks = uplinksOf(facts);
  const [flows, frames] = [flowsOf(bridges, facts), framesOf(bridges)];
  const changeOf = (table: Table) =>
    admitIn(table, admit ? findDrops([withoutUs(table)], flows, frames) : [], bridges, uplinks);
  const warnings: string[] = [];
  const done: string[] = [];
  const vain = new Map<string, number>();
  for (const table of tables) {
    let now = table;
    const change = changeOf(table);
    const tried = before.vain.get(change?.input ?? "") ?? 0;
    if (change && tried < ATTEMPTS) {
      try {
        await restore(table, change.input);
        done.push(change.what);
        if (table.tool !== "nft") now = await asShownBy(table.tool, table);
      } catch (thrown) {
        warnings.push(`${change.what}: ${messageOf(thrown)}`);
      }
    }
    if (change && changeOf(now)) vain.set(change.input, tried + 1);
    warnings.push(...findDrops([now], flows, frames).map((finding) => sentence(finding, uplinks[0])));
  }
  return { warnings, done, vain, links: linksOf(facts, bridges, flows) };
}

/** Take out what was ever admitted. @returns what was done, a line each @throws what iptables says */
export async function withdrawAll(kernel: Kernel): Promise<readonly string[]> {
  const done: string[] = [];
  for (const table of (await readTables(kernel)).filter(hasPlace)) {
    const input = withdrawal(table);
    if (input === undefined) continue;
    await restore(table, input);
    done.push(`took the engine's rules out of DOCKER-USER in table ${table.family} ${table.name}`);
  }
  return done;
}

/** What is to be done in a table of dockerd's: an administrator's own drop, or ufw's, is not ours to pass. */
function admitIn(
  table: Table,
  without: readonly Finding[],
  bridges: readonly string[],
  uplinks: readonly string[],
): { readonly input: string; readonly what: string } | undefined {
  if (!hasPlace(table)) return undefined;
  const where = `in table ${table.family} ${table.name}`;
  if (without.some(({ program }) => program === "dockerd")) {
    const input = admission(table, bridges, uplinks);
    return input === undefined
      ? undefined
      : {
          input,
          what: `let what is forwarded for ${bridges.join(", ")} past dockerd's drop, by DOCKER-USER ${where}`,
        };
  }
  const input = withdrawal(table);
  return input === undefined
    ? undefined
    : {
        input,
        what: `take the engine's rules out of DOCKER-USER ${where}, where they aren't needed or aren't wanted`,
      };
}

function linksOf(
  { links }: PathFacts,
  bridges: readonly string[],
  flows: readonly Flow[],
): ReadonlySet<string> {
  const names = new Set(links.flatMap(({ name, kind }) => (kind === "veth" ? [] : [name])));
  for (const bridge of bridges) if (!flows.some((flow) => flow.bridge === bridge)) names.delete(bridge);
  return names;
}

/** A table as a program of iptables shows it now; as it was read before, where none does. */
async function asShownBy(tool: Exclude<Table["tool"], "nft">, table: Table): Promise<Table> {
  const { family } = table;
  if (family !== "ip" && family !== "ip6") return table;
  const tables = await saveTables(tool, family);
  return tables?.find(({ name }) => name === table.name) ?? table;
}

/** All of others with a chain at the forward hook. */
async function readTables(kernel: Kernel): Promise<readonly Table[]> {
  const listed = forwardTables(await kernel.nft("list chains", "json"));
  const tables: Table[] = [];
  for (const place of listed) {
    const name = `${place.family} ${place.name}`;
    if (isOurs(name)) continue;
    // One at a time: nft reads no more from the kernel than its first command needs.
    const { table, opaque } = readTable(await kernel.nft(`list table ${name}`, "json"), place);
    // Matches that iptables has put into nftables are readable by iptables alone; what it can't read it leaves out.
    const iptables = opaque || table.chains.has("DOCKER-USER");
    tables.push(iptables ? await asShownBy("iptables", table) : table);
  }
  for (const family of ["ip", "ip6"] as const) {
    if (!hasLegacyTable(family)) continue;
    const legacy = (await saveTables("iptables-legacy", family)) ?? [];
    tables.push(...legacy.filter(({ chains }) => chains.has("FORWARD")));
  }
  return tables;
}

async function readPathFacts(kernel: Kernel): Promise<PathFacts> {
  const shown = async (key: string) => {
    try {
      return (await kernel.readSysctl(key)) === "1";
    } catch {
      return false; // without br_netfilter there is no such sysctl
    }
  };
  const [host, four, six] = await Promise.all([
    readHostState(kernel),
    shown("net.bridge.bridge-nf-call-iptables"),
    shown("net.bridge.bridge-nf-call-ip6tables"),
  ]);
  return { ...host, bridgeNetfilter: { 4: four, 6: six } };
}
