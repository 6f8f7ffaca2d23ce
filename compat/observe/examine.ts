/** What `drawbridge` says of a host, held to what really happens there. */
import { ask } from "../../test/support/probe.ts";
import { isReached } from "./ask.ts";
import { type Cell, cellsOf, UPLINK } from "./cells.ts";
import { inHost, type Lab } from "./lab.ts";

export interface Findings {
  readonly asked: number;
  /** A sentence each. */
  readonly wrong: readonly string[];
}

interface Traced {
  readonly verdict: { readonly outcome: string; readonly sentence: string };
  readonly prediction: { readonly outcome: string; readonly paths: readonly { readonly outcome: string }[] };
  readonly proof: { readonly outcome: string; readonly blind: readonly string[] };
  readonly rows: readonly { readonly agree: string; readonly predicted?: object; readonly seen?: object }[];
}

/** Milliseconds: whoever has not answered then is taken to be out of reach. */
const SILENCE = 400;

/** What really happens: each cell, asked by a connection. Neighbours are known after it. */
export async function reality(lab: Lab): Promise<ReadonlyMap<Cell, boolean>> {
  const found = new Map<Cell, boolean>();
  for (const cell of cellsOf(lab)) found.set(cell, await isReached(cell.from, cell.target, SILENCE));
  return found;
}

/** The same by `drawbridge trace`. */
export async function traces(lab: Lab, real: ReadonlyMap<Cell, boolean>): Promise<Findings> {
  const wrong: string[] = [];
  for (const [cell, reached] of real) wrong.push(...(await trace(lab, cell, reached)));
  return { asked: real.size, wrong };
}

async function trace(lab: Lab, { from, flag, to }: Cell, reached: boolean): Promise<readonly string[]> {
  const about = `${lab.name}: trace ${from.name} ${to}`;
  const at = (wrong: readonly string[]) => wrong.map((text) => `${about}: ${text}`);
  const { code, stdout, stderr } = await inHost(lab, `drawbridge trace --json ${flag} ${from.name} '${to}'`);
  if (stderr !== "") return [`${about}: ${stderr}`];
  const { verdict, prediction, proof, rows }: Traced = JSON.parse(stdout);
  const wrong: string[] = [];
  if (code !== (reached ? 0 : 1))
    wrong.push(`${reached ? "it is" : "it is not"} reached: ${verdict.sentence}`);
  const proven = proof.outcome === "reached" || proof.outcome === "delivered" ? "reached" : proof.outcome;
  // Which address a program answers UDP from is its own affair, as dockerd's proxy's: the rest is not predicted.
  if (prediction.outcome === "unsure" && prediction.paths.some(({ outcome }) => outcome === proven))
    return at(wrong);
  if (prediction.outcome !== proven) wrong.push(`predicted ${prediction.outcome}, proven ${proof.outcome}`);
  for (const row of rows) {
    if (row.agree === "predicted only" || row.agree === "seen only")
      wrong.push(`${row.agree}: ${JSON.stringify(row.predicted ?? row.seen)}`);
  }
  wrong.push(...proof.blind.map((text) => `blind: ${text}`));
  return at(wrong);
}

/** Netavark leaves hairpin mode off: with br_netfilter, containers then don't reach themselves by their published ports. */
const isShutToItself = (title: string, real: ReadonlyMap<Cell, boolean>): boolean => {
  const [, name, port] = /^(\S+) does not reach its own port (\d+)\//.exec(title) ?? [];
  return [...real].some(
    ([{ from, target }, reached]) =>
      !reached && from.name === name && target.port === Number(port) && target.address === UPLINK,
  );
};

/** Names that a map must have, and doctor and capture. */
export async function others(lab: Lab, real: ReadonlyMap<Cell, boolean>): Promise<Findings> {
  const wrong: string[] = [];
  const names = Object.keys(lab.parties);
  const { stdout: map } = await inHost(lab, "drawbridge map");
  for (const name of names) {
    if (name !== "hosted" && !new RegExp(`── eth0 \\(\\d+\\) ${name} `).test(map))
      wrong.push(`map has no ${name}`);
  }
  for (const name of lab.networks)
    if (!map.includes(`network ${name}`)) wrong.push(`map has no network ${name}`);
  const doctor = await inHost(lab, "drawbridge doctor --json");
  const { findings = [] } = JSON.parse(doctor.stdout || "{}");
  for (const { check, title, severity } of findings) {
    if (check !== "way-hairpin" || !isShutToItself(title, real))
      wrong.push(`doctor finds (${severity}) ${check}: ${title}`);
  }
  for (const name of names) {
    const one = await inHost(lab, `drawbridge doctor ${name}`);
    if (one.code > 1) wrong.push(`doctor ${name}: ${one.stdout}${one.stderr}`);
  }
  const [a1, a2] = [lab.parties.a1, lab.parties.a2];
  if (a1 && a2) {
    const listening = inHost(lab, "timeout -s INT 3 drawbridge capture --time 2s a2 tcp port 80");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await ask(a1, { protocol: "tcp", address: a2.address, port: 80 });
    const { stdout, stderr } = await listening;
    if (!/a1/.test(stdout) || !/a2/.test(stdout)) wrong.push(`capture tells no names: ${stdout}${stderr}`);
  }
  return { asked: 3 + names.length, wrong: wrong.map((text) => `${lab.name}: ${text}`) };
}
