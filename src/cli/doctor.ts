import { diagnose } from "../doctor/diagnose.ts";
import { exitCodeOf } from "../doctor/exit-code.ts";
import { carryOut, safeFixes } from "../doctor/fix.ts";
import { renderDiagnosis } from "../doctor/render.ts";
import { diagnosisToJson } from "../doctor/to-json.ts";
import type { Diagnosis } from "../doctor/types.ts";
import { legibleLines, legibleText } from "../lib/legible.ts";
import { readTopology } from "../observe/read.ts";
import type { Topology } from "../observe/types.ts";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import { jsonText, readOptions, styleOf } from "./trace-options.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly fix: boolean;
  readonly json: boolean;
  readonly verbose: boolean;
}

interface Looked {
  readonly topology: Topology;
  readonly diagnosis: Diagnosis;
}

/** @throws EngineError not-found */
async function look(context: Context, container: string | undefined): Promise<Looked> {
  const topology = await readTopology({ ...readOptions(context), connections: "host" });
  const diagnosis = await diagnose(topology, container === undefined ? {} : { container });
  return { topology, diagnosis };
}

function tell({ out, err }: Context, { topology, diagnosis }: Looked, { json, verbose }: Options): void {
  out(
    json
      ? jsonText(diagnosisToJson(topology, diagnosis))
      : renderDiagnosis(diagnosis, styleOf(), { verbose }),
  );
  // What was not read need not matter: it is told beside the answer.
  for (const unread of diagnosis.unread) err(`not read: ${legibleText(unread)}\n`);
}

export default verb<Options>({
  usage: "[OPTIONS] [CONTAINER]",
  about: "Find out why containers' networks don't work, and how to mend it",
  flags: [
    flag("--fix", "bool", "Carry out the fixes that are safe, and look again"),
    flag("--json", "bool", "Print what was found as JSON"),
    flag("--verbose", "bool", "Print each check that was made"),
  ],
  // Counted below: what is wrong with a command line must not end as `1`, which says that something is broken.
  least: 0,
  most: Number.POSITIVE_INFINITY,
  failure: 125,
  async run(context, [container, ...more], options) {
    if (more.length > 0) throw new UsageError("drawbridge: 'drawbridge doctor' requires at most 1 argument");
    let looked = await look(context, container);
    const fixes = options.fix ? safeFixes(looked.diagnosis) : [];
    if (fixes.length > 0) {
      // The JSON stays one value: what was done is told beside it.
      const say = options.json ? context.err : context.out;
      for (const fix of fixes) {
        say(`fixing: ${legibleText(fix.command)}\n`);
        const { failed } = await carryOut(fix);
        if (failed !== undefined) say(`  failed: ${legibleLines(failed)}\n`);
      }
      looked = await look(context, container);
    }
    tell(context, looked, options);
    return exitCodeOf(looked.diagnosis);
  },
});
