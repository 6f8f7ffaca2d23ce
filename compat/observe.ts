/**
 * `node compat/observe.ts [dockerd|netavark|cni …]`: hosts run by other engines, looked at by `drawbridge trace`, `doctor`,
 * `capture` and `map`, by containers' names. What they say is held to what really happens, predictions to proofs, and the
 * host afterwards to what it was before. Fails where anything is not so.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { findProgram } from "../src/lib/programs.ts";
import { isRoot } from "../test/support/root.ts";
import { dockerLab, podmanLab } from "./observe/engines.ts";
import { type Findings, others, reality, traces } from "./observe/examine.ts";
import { raiseFirewalls } from "./observe/firewalls.ts";
import type { Lab } from "./observe/lab.ts";
import { changesOf, snapshotOf } from "./observe/snapshot.ts";
import { killed, together } from "./observe/tracers.ts";

interface Contestant {
  readonly name: string;
  readonly programs: readonly string[];
  readonly start: () => Promise<Lab>;
}

const CONTESTANTS: readonly Contestant[] = [
  { name: "dockerd", programs: ["dockerd", "docker"], start: dockerLab },
  { name: "netavark", programs: ["podman"], start: () => podmanLab("netavark", true) },
  { name: "netavark-silent", programs: ["podman"], start: () => podmanLab("netavark", false) },
  { name: "cni", programs: ["podman"], start: () => podmanLab("cni", true) },
];

/** All that is wrong with what was said of one host. */
export async function examineForeign(start: () => Promise<Lab>): Promise<readonly string[]> {
  await using lab = await start();
  const wrong: string[] = [];
  const look = async (what: string, ask: () => Promise<Findings>) => {
    const before = await snapshotOf(lab);
    const { asked, wrong: found } = await ask();
    const changed = changesOf(before, await snapshotOf(lab)).map(
      (line) => `${lab.name}: ${what} changes ${line}`,
    );
    console.log(
      `${lab.name.padEnd(40)} ${what.padEnd(24)} ${asked} asked, ${found.length + changed.length} wrong`,
    );
    for (const line of [...found, ...changed]) console.log(line);
    wrong.push(...found, ...changed);
  };
  const real = await reality(lab);
  await look("map, doctor, capture", () => others(lab, real));
  await look("trace", () => traces(lab, real));
  await look("a tracer killed", () => killed(lab));
  await look("tracers at once", () => together(lab));
  await raiseFirewalls(lab);
  const closed = await reality(lab);
  await look("trace by a host's firewall", () => traces(lab, closed));
  return wrong;
}

/** @returns sentences; names of what is not installed are told on standard output */
export async function observeForeign(only: readonly string[] = []): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const { name, programs, start } of CONTESTANTS) {
    if (only.length > 0 && !only.includes(name)) continue;
    const missing = programs.find((program) => findProgram(program) === undefined);
    if (missing) console.log(`${missing} is not installed (scripts/bootstrap --peers): ${name} is left out`);
    else wrong.push(...(await examineForeign(start)));
  }
  return wrong;
}

if (import.meta.main) {
  const { positionals } = parseArgs({ allowPositionals: true });
  if (!isRoot()) {
    console.error("compat: needs root: it makes namespaces, links and mounts");
    process.exit(1);
  }
  const wrong = await observeForeign(positionals);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}
