/** What another firewall does to what we forward: an accept of ours is not final where another table drops. */
import { culpritOf, fixOf, iptablesOf, type Program } from "./culprit.ts";
import type { Flow } from "./flows.ts";
import type { Chain, Table } from "./ruleset.ts";
import { type Drop, dropOf } from "./walk.ts";

/** One place where traffic of ours is dropped. */
export interface Finding {
  readonly table: Table;
  /** At the forward hook. */
  readonly base: Chain;
  readonly drop: Drop;
  readonly program: Program | undefined;
  readonly flows: readonly Flow[];
}

/** @param frames as the bridge family sees them; `flows` are for the others */
export function findDrops(
  tables: readonly Table[],
  flows: readonly Flow[],
  frames: readonly Flow[],
): readonly Finding[] {
  return tables.flatMap((table) => {
    const met =
      table.family === "bridge" ? frames : flows.filter(({ packet }) => meets(table, packet.family));
    return [...table.chains.values()].flatMap((base) =>
      base.policy === undefined ? [] : findIn(table, base, met),
    );
  });
}

const meets = ({ family }: Table, packet: 4 | 6): boolean =>
  family === "inet" || family === (packet === 4 ? "ip" : "ip6");

/** Flows that end at the same place are one finding. */
function findIn(table: Table, base: Chain, flows: readonly Flow[]): readonly Finding[] {
  const found = new Map<string, Finding>();
  for (const flow of flows) {
    const drop = dropOf(table, base, flow.packet);
    if (!drop) continue;
    const place = `${drop.chain.name} ${drop.rule?.evidence} ${drop.certain}`;
    const known = found.get(place);
    found.set(place, {
      ...(known ?? { table, base, drop, program: culpritOf(table, drop) }),
      flows: [...(known?.flows ?? []), flow],
    });
  }
  return [...found.values()];
}

/** Named in a sentence before the rest is counted. */
const NAMED = 3;

/** `ufw drops what is forwarded for docker0: table ip filter of iptables, chain FORWARD, policy drop. To let it pass: …` */
export function sentence(finding: Finding, uplink: string | undefined): string {
  const { table, base, drop, program, flows } = finding;
  const bridges = [...new Set(flows.map(({ bridge }) => bridge))];
  const verb = drop.certain ? "drops" : "may drop (not all of its rules can be judged)";
  const tool = table.tool === "nft" ? "" : ` of ${iptablesOf(table)}`;
  const place = `table ${table.family} ${table.name}${tool}, chain ${drop.chain.name}`;
  const rule = drop.rule?.evidence ?? "policy drop";
  const fix = fixOf(program, table, base.name, bridges.slice(0, NAMED), uplink);
  return `${program ?? "the host's firewall"} ${verb} ${traffic(flows, bridges)}: ${place}, ${rule}. To let it pass: ${fix}`;
}

function traffic(flows: readonly Flow[], bridges: readonly string[]): string {
  const ways = new Set(flows.map(({ way }) => way));
  const more = bridges.length > NAMED ? ` and ${bridges.length - NAMED} more` : "";
  const named = `${bridges.slice(0, NAMED).join(", ")}${more}`;
  if (ways.has("out") && ways.has("in")) return `what is forwarded for ${named}`;
  const parts = [
    ways.has("out") ? ["send out"] : [],
    ways.has("in") ? ["are sent at published ports"] : [],
    ways.has("within") ? ["send to one another"] : [],
  ];
  return `what containers on ${named} ${parts.flat().join(" and ")}`;
}
