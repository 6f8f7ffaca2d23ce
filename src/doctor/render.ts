/** A diagnosis as text for people. Pure. */
import { legible, paint, type Style, wrap } from "../trace/render/style.ts";
import { ALL_CHECKS } from "./checks/all.ts";
import type { Diagnosis, Finding, Fix, Severity } from "./types.ts";

const COLOURS = { broken: "red", risk: "yellow", note: "dim" } as const;
const INDENT = 8;

export interface Shown {
  /** Each check that was made, by name. */
  readonly verbose: boolean;
}

export function renderDiagnosis(diagnosis: Diagnosis, style: Style, { verbose }: Shown): string {
  const { findings, unchecked, checked, took } = diagnosis;
  const lines = findings.flatMap((finding) => [...findingLines(finding, style), ""]);
  for (const { check, why } of unchecked) lines.push(legible(style, `not checked: ${check}: ${why}`));
  if (verbose) lines.push(...checkedLines(checked, findings, style));
  lines.push(`${checked.length} checks in ${(took / 1000).toFixed(1)} s: ${summaryOf(diagnosis)}`);
  return `${lines.join("\n")}\n`;
}

const UNITS: Readonly<Record<Severity, readonly [string, string]>> = {
  broken: ["thing is broken", "things are broken"],
  risk: ["risk", "risks"],
  note: ["note", "notes"],
};

function summaryOf({ findings, unchecked, unread }: Diagnosis): string {
  const parts = (["broken", "risk", "note"] as const).flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${UNITS[severity][count === 1 ? 0 : 1]}`];
  });
  if (parts.length > 0) return parts.join(", ");
  return unchecked.length > 0 || unread.length > 0
    ? "nothing is wrong with what could be looked at"
    : "nothing is wrong";
}

function findingLines(
  { check, severity, title, evidence, cause, fixes }: Finding,
  style: Style,
): readonly string[] {
  const pad = " ".repeat(INDENT);
  const room = style.width - INDENT;
  const [first = "", ...rest] = wrap(legible(style, title), room);
  const reports = ALL_CHECKS.find(({ name }) => name === check)?.reports ?? [];
  return [
    `${paint(style, COLOURS[severity], severity.padEnd(INDENT - 1))} ${paint(style, "bold", first)}`,
    ...rest.map((line) => `${pad}${paint(style, "bold", line)}`),
    ...evidence.map((line) => `${pad}  ${legible(style, line)}`),
    ...wrap(legible(style, cause), room).map((line) => `${pad}${line}`),
    ...fixes.flatMap((fix) => fixLines(fix, style)),
    ...reports.map(({ url }) => `${pad}${paint(style, "dim", `see: ${url}`)}`),
  ];
}

/** A command is on a line of its own, whole, to be pasted. */
function fixLines({ command, does, safe }: Fix, style: Style): readonly string[] {
  const pad = " ".repeat(INDENT);
  const note = safe ? `${does} (--fix does this)` : does;
  return [
    `${pad}${paint(style, "green", "fix:")} ${paint(style, "bold", legible(style, command))}`,
    ...wrap(legible(style, note), style.width - INDENT - 5).map((line) => `${pad}     ${line}`),
  ];
}

function checkedLines(
  checked: readonly string[],
  findings: readonly Finding[],
  style: Style,
): readonly string[] {
  return ALL_CHECKS.filter(({ name }) => checked.includes(name)).map(({ name, title }) => {
    const found = findings.filter(({ check }) => check === name);
    const mark = found.length === 0 ? "ok" : (found[0]?.severity ?? "");
    return `${mark.padEnd(INDENT - 1)} ${legible(style, `${name}: ${title}`)}`;
  });
}
