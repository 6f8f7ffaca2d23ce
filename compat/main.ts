/**
 * `npm run compat [-- --only NAME] [--clients DIRECTORY] [--verbose]`: some hundreds of API calls made to dockerd and to this
 * engine, each in a throwaway host of its own, and their replies compared. `--clients` names a directory with
 * `node_modules` in which dockerode and testcontainers are looked for. Fails where a difference has no reason in
 * differences.ts, where a reason is no longer needed, where a client fails, and where what `drawbridge trace`, `doctor`,
 * `capture` and `map` say of other engines' hosts is not so (observe.ts).
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { isRoot } from "../test/support/root.ts";
import { SCENARIOS } from "./calls/index.ts";
import { runClients } from "./clients/clients.ts";
import { DIFFERENCES } from "./differences.ts";
import { hasDockerd, startOurs, startTheirs } from "./engines.ts";
import { examine } from "./lib/examine.ts";
import { formatReport } from "./lib/report.ts";
import { observeForeign } from "./observe.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    clients: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

if (!isRoot()) {
  console.error("compat: needs root: it makes namespaces, links and mounts");
  process.exit(1);
}

let failed = false;
if (hasDockerd()) {
  await using ours = await startOurs();
  await using theirs = await startTheirs();
  const wanted = SCENARIOS.filter(({ name }) => values.only === undefined || name.includes(values.only));
  const report = await examine(wanted, { ours, theirs }, DIFFERENCES, {
    complete: values.only === undefined,
  });
  console.log(formatReport(report, values));
  failed = report.unexplained.length > 0 || report.needless.length > 0;
} else {
  console.log("dockerd is not installed (scripts/bootstrap --peers): no replies to compare with");
}

if (values.only === undefined) {
  await using host = await startOurs();
  for (const { name, outcome } of await runClients(host, values.clients)) {
    console.log(`${name.padEnd(24)} ${outcome.kind}${outcome.kind === "works" ? "" : `: ${outcome.why}`}`);
    failed ||= outcome.kind === "fails";
  }
  const wrong = await observeForeign();
  failed ||= wrong.length > 0;
}
process.exitCode = failed ? 1 : 0;
