/** Tracers that are killed in the midst of a proof, and several at once. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Findings } from "./examine.ts";
import { inHost, type Lab } from "./lab.ts";

/** Nobody has that address, which the host learns after three seconds. */
const SLOW = "drawbridge trace --wait 20000 a1 203.0.113.77:80";
const TABLES = "nft list tables | grep -i trace || true";

/**
 * Kill one as soon as its table is there; what it left is looked for a moment later.
 */
export async function killed(lab: Lab): Promise<Findings> {
  const wrong: string[] = [];
  const script = `
    ${SLOW} >/dev/null 2>&1 & tracer=$!
    for i in $(seq 400); do nft list tables | grep -q drawbridge-trace && break; sleep 0.02; done
    nft list tables | grep drawbridge-trace; grep -l '^prog_id' /proc/$tracer/fdinfo/* 2>/dev/null | wc -l
    kill -9 $tracer; wait $tracer 2>/dev/null`;
  const { stdout } = await inHost(lab, script);
  if (!/table inet drawbridge-trace/.test(stdout)) wrong.push(`the tracer had no table: ${stdout}`);
  await sleep(200);
  const left = (await inHost(lab, TABLES)).stdout;
  if (left !== "") wrong.push(`a killed tracer leaves ${left}`);
  return { asked: 1, wrong: wrong.map((text) => `${lab.name}: ${text}`) };
}

/** They see each other's probes go by, and tell of their own alone. */
export async function together(lab: Lab): Promise<Findings> {
  const one = (to: string) => inHost(lab, `drawbridge trace --json ${to}`);
  const flows = ["a1 a2:80", "a1 a2:80", "host 203.0.113.2:8080", "plain1 outside:80"];
  const told = await Promise.all(flows.map(one));
  const wrong = told.flatMap(({ code, stdout, stderr }, i) => {
    if (code !== 0) return [`${flows[i]} among others: ${stdout}${stderr}`];
    const { rows }: { rows: readonly { agree: string }[] } = JSON.parse(stdout);
    const strays = rows.filter(({ agree }) => agree === "seen only" || agree === "predicted only");
    return strays.map((row) => `${flows[i]} among others: ${JSON.stringify(row)}`);
  });
  return { asked: flows.length, wrong: wrong.map((text) => `${lab.name}: ${text}`) };
}
