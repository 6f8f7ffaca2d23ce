/** `npm run bench -- attach`: a sandbox joined to a bridge, and parted from it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AttachPhase,
  cniContestant,
  controllerContestant,
  drawbridgeContestant,
  floorContestant,
  ipContestant,
  netavarkContestant,
} from "./contestants/attach.ts";
import { DrawbridgeNetworks } from "./contestants/drawbridge.ts";
import { Floor } from "./contestants/floor.ts";
import { type Contestant, type Result, race } from "./lib/rounds.ts";
import { type Summary, summarize, timed } from "./lib/statistics.ts";
import { digits, ratio, table } from "./lib/table.ts";

const PHASES = ["attach", "detach"] as const;
const TOGETHER = 10;

export interface AttachReport {
  readonly absent: readonly string[];
  readonly results: readonly Result<AttachPhase>[];
  /** This many sandboxes asked for at the same time, and all of them parted at the same time. */
  readonly together: { readonly count: number; readonly attach: Summary; readonly detach: Summary };
}

/** Must run in a network namespace that can be thrown away. */
export async function benchAttach(rounds: number): Promise<AttachReport> {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-bench-"));
  try {
    const floor = Floor.compile();
    if ("absent" in floor) throw new Error(floor.absent);
    await using _floor = floor;
    await using networks = await DrawbridgeNetworks.start(directory);
    const candidates = [
      floorContestant(floor, directory),
      drawbridgeContestant(networks),
      controllerContestant(networks),
      ipContestant(),
      cniContestant(floor, directory, false),
      cniContestant(floor, directory, true),
      netavarkContestant(floor, directory),
    ];
    const results = await race(candidates.filter(isPresent), PHASES, rounds);
    return {
      absent: candidates.flatMap((one) => ("absent" in one ? [one.absent] : [])),
      results,
      together: await measureTogether(networks, Math.max(3, Math.ceil(rounds / 5))),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const isPresent = <T extends object>(one: T): one is T & Contestant<AttachPhase> => "measure" in one;

async function measureTogether(
  networks: DrawbridgeNetworks,
  rounds: number,
): Promise<AttachReport["together"]> {
  const attach: number[] = [];
  const detach: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const containers = Array.from({ length: TOGETHER }, () => networks.newContainer());
    attach.push(await timed(() => Promise.all(containers.map((one) => networks.attach(one)))));
    detach.push(await timed(() => Promise.all(containers.map((one) => networks.detach(one)))));
  }
  return { count: TOGETHER, attach: summarize(attach), detach: summarize(detach) };
}

export function formatAttach({ absent, results, together }: AttachReport): string {
  const floor = results[0];
  if (!floor) throw new Error("nothing was measured");
  const rows = results.map(({ name, phases: { attach, detach } }) => [
    name,
    digits(attach.median),
    `${digits(attach.p10)}–${digits(attach.p90)}`,
    ratio(attach.median, floor.phases.attach.median),
    digits(detach.median),
    ratio(detach.median, floor.phases.detach.median),
  ]);
  const head = ["", "attach ms", "p10–p90", "to floor", "detach ms", "to floor"];
  const { count, attach, detach } = together;
  return [
    `Medians of ${floor.phases.attach.count} interleaved rounds:`,
    "",
    table([head, ...rows]),
    "",
    ...results.map(({ name, note }) => `${name}: ${note}.`),
    ...absent.map((why) => `Not here: ${why}.`),
    "",
    `drawbridge, whole, ${count} at the same time: attach ${digits(attach.median)} ms for all, detach ${digits(detach.median)} ms for all` +
      ` (one after another: ${digits((results[2]?.phases.detach.median ?? 0) * count)} ms).`,
  ].join("\n");
}
