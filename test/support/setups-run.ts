/** One set-up, from whole to broken to whole. */
import assert from "node:assert/strict";
import { patternOf, type Setup } from "./setups.ts";
import type { Answer, SetupsHost } from "./setups-host.ts";

interface Fix {
  readonly command: string;
}

/** What was said, and what was offered. */
interface Said {
  readonly lines: readonly string[];
  readonly fixes: readonly string[];
}

function read({ code, out, err }: Answer): Said {
  // A question that can't be answered, and why.
  if (code === 125) return { lines: [/^(?:EngineError: )?(.*)$/m.exec(err)?.[1] ?? ""], fixes: [] };
  const told = JSON.parse(out);
  if ("verdict" in told)
    return { lines: [told.verdict.sentence], fixes: told.verdict.fixes.map(({ command }: Fix) => command) };
  const findings: readonly { check: string; title: string; fixes: readonly Fix[] }[] = told.findings;
  const unchecked: readonly { check: string; why: string }[] = told.unchecked;
  return {
    lines: [
      ...findings.map(({ check, title }) => `${check}: ${title}`),
      ...unchecked.map(({ check, why }) => `not checked: ${check}: ${why}`),
    ],
    fixes: findings.flatMap(({ fixes }) => fixes.map(({ command }) => command)),
  };
}

/** What a doctor leaves out where the machine is too busy for it to look at everything in its time. */
const LEFT_OUT = /^not checked: .* not done after|were looked at: there are too many for one look$/;

/** Asked again, a few times, where something was left out. */
async function asked(host: SetupsHost, line: string): Promise<Said> {
  for (let tries = 0; ; tries += 1) {
    const { lines, fixes } = read(await host.ask(line));
    const told = lines.filter((one) => !LEFT_OUT.test(one));
    if (tries === 3 || told.length === lines.length) return { lines: told, fixes };
  }
}

/** The doctor's one line on a healthy machine. */
export async function isHealthy(host: SetupsHost, when: string): Promise<void> {
  assert.deepEqual((await asked(host, "drawbridge doctor")).lines, [], when);
}

async function comesTrue(host: SetupsHost, condition: string): Promise<void> {
  await host.do(`for try in $(seq 100); do if ${condition}; then exit 0; fi; sleep 0.05; done; exit 1`);
}

async function fails(host: SetupsHost, symptom: string): Promise<void> {
  const { code, out } = await host.ask(symptom);
  assert.notEqual(code, 0, `${symptom} succeeds, though it is broken:\n${out}`);
}

/** Whom the kernel has asked in vain it asks again a moment later. */
async function succeeds(host: SetupsHost, symptom: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const { code, out, err } = await host.ask(symptom);
    if (code === 0) return;
    assert.ok(tries < 3, `${symptom} fails, though it is mended:\n${out}${err}`);
  }
}

function sameWords(actual: readonly string[], wanted: readonly string[], about: string): void {
  const same =
    actual.length === wanted.length && wanted.every((text, i) => patternOf(text).test(actual[i] ?? ""));
  // Side by side, as far as they differ.
  if (!same) assert.deepEqual(actual, wanted, about);
}

export async function tryOut(host: SetupsHost, setup: Setup): Promise<void> {
  const { broken, settled, symptom, ask, says, fix, mend, undo } = setup;
  await host.do(broken);
  if (settled !== undefined) await comesTrue(host, settled);
  const [{ lines, fixes }] = await Promise.all([asked(host, ask), fails(host, symptom)]);
  sameWords(lines, says, ask);
  const printed = fix === undefined ? undefined : fixes.find((command) => patternOf(fix).test(command));
  if (fix !== undefined && printed === undefined) assert.deepEqual(fixes, [fix], "the fix");
  const cure = mend ?? printed;
  if (cure !== undefined) {
    await host.do(cure);
    if (settled !== undefined) await comesTrue(host, `! ${settled}`);
    await succeeds(host, symptom);
  }
  if (undo !== undefined) await host.do(undo);
  await isHealthy(host, "afterwards");
}
