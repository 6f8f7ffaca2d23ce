/** A report as text for people: the table of hops, what could not be seen, the verdict. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import type { Topology } from "../../observe/types.ts";
import type { Flow, Report, Verdict } from "../types.ts";
import { arrow, legible, paint, type Style, wrap } from "./style.ts";
import { table } from "./table.ts";

/** Under the text that it belongs to. */
const INDENT = "  ";

/** @param verbose every step, with each rule that was asked; by default those that decide or change something */
export function renderReport(topology: Topology, report: Report, style: Style, verbose = false): string {
  const sections = [
    title(report.prediction.flow, style),
    table(topology, report, style, verbose),
    notes(report, style),
    verdictText(report.verdict, style),
  ];
  return sections.filter((section) => section !== "").join("\n");
}

/** `web → db at 172.18.0.3, 5432/tcp`. */
function title(flow: Flow, style: Style): string {
  const address = formatAddress(flow.destination);
  const at = flow.to.label.includes(address) ? "" : ` at ${address}`;
  const port = flow.port === undefined ? flow.protocol : `${flow.port}/${flow.protocol}`;
  const text = `${flow.from.label} ${arrow(style)} ${flow.to.label}${at}, ${port}`;
  return `${paint(style, "bold", legible(style, text))}\n`;
}

/** What is not certain, and what was not seen. */
function notes({ prediction, proof }: Report, style: Style): string {
  const assumptions = prediction.paths.flatMap((path) => path.assumptions);
  const told = [
    ...[...new Set(assumptions)].map((text) => `assumed: ${text}`),
    ...prediction.unsure.map((text) => `not certain: ${text}`),
    ...(proof?.blind ?? []).map((text) => `not seen: ${text}`),
  ];
  const lines = told.flatMap((text) => wrap(legible(style, text), style.width));
  return lines.length > 0 ? `${lines.join("\n")}\n` : "";
}

const VERDICTS = { reached: "green", "not reached": "red", unsure: "yellow" } as const;

export function verdictText({ outcome, sentence, fixes }: Verdict, style: Style): string {
  const [first = "", ...rest] = wrap(legible(style, sentence), style.width);
  const told = [first, ...rest].map((line) => paint(style, VERDICTS[outcome], line));
  // Commands are not broken: they are there to be pasted.
  const commands = fixes.flatMap(({ command, does }) => [
    `${INDENT}${paint(style, "bold", legible(style, command))}`,
    ...wrap(legible(style, does), style.width - 2 * INDENT.length).map((line) => `${INDENT}${INDENT}${line}`),
  ]);
  return `${[...told, ...commands].join("\n")}\n`;
}
