/** A report as text for people: the table of hops, what could not be seen, the verdict. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import type { NamespaceId, Topology } from "../../observe/types.ts";
import type { Flow, Report, Row, Verdict } from "../types.ts";
import { directionOf, packetText, rowWords } from "./events.ts";
import { arrow, cut, legible, paint, type Style, wrap } from "./style.ts";

/** Letters; longer names are cut. */
const WIDEST = { namespace: 18, link: 20 };
const GAP = "  ";
/** Under the text that it belongs to. */
const INDENT = "  ";
const LEAST_TEXT = 30;
const NANOSECONDS_AT_MOST = 999_999;

const MARKS: Readonly<Record<Row["agree"], { readonly unicode: string; readonly ascii: string }>> = {
  both: { unicode: "✓", ascii: "+" },
  "predicted only": { unicode: "✗", ascii: "x" },
  "seen only": { unicode: "!", ascii: "!" },
  "not watched": { unicode: "·", ascii: "." },
};

const COLOURS = {
  both: "green",
  "predicted only": "red",
  "seen only": "yellow",
  "not watched": "dim",
} as const;

export function renderReport(topology: Topology, report: Report, style: Style): string {
  const sections = [
    title(report.prediction.flow, style),
    table(topology, report, style),
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

interface Line {
  readonly row: Row;
  readonly namespace: string;
  readonly link: string;
  readonly text: string;
  readonly rule?: string;
}

function table(topology: Topology, { rows, proof }: Report, style: Style): string {
  const lines = linesOf(topology, rows, style);
  const widest = (key: "namespace" | "link") => Math.max(0, ...lines.map((line) => [...line[key]].length));
  const columns: Columns = {
    namespace: Math.max("namespace".length, widest("namespace")),
    link: Math.max("interface".length, widest("link")),
    proven: proof !== undefined,
  };
  let direction: Row | undefined;
  const body = lines.flatMap((line) => {
    const turned = direction && directionOf(direction) !== directionOf(line.row);
    direction = line.row;
    const sign = directionOf(line.row) === "back" ? "and back" : "on the way there";
    return [...(turned ? [paint(style, "dim", sign)] : []), ...lineText(line, columns, style)];
  });
  return [...headOf(columns, style), ...body, ""].join("\n");
}

interface Columns {
  readonly namespace: number;
  readonly link: number;
  readonly proven: boolean;
}

/** Mark, microseconds, namespace, interface. */
const beforeText = ({ namespace, link, proven }: Columns): number =>
  (proven ? 1 + GAP.length + LATENCY + GAP.length : 0) + namespace + GAP.length + link + GAP.length;

const LATENCY = 6;

function headOf(columns: Columns, style: Style): readonly string[] {
  const microseconds = style.unicode ? "µs" : "us";
  const marks = columns.proven ? ` ${GAP}${microseconds.padStart(LATENCY)}${GAP}` : "";
  const head = `${marks}${"namespace".padEnd(columns.namespace)}${GAP}${"interface".padEnd(columns.link)}${GAP}what happens`;
  return [paint(style, "dim", head)];
}

/** Namespaces, packets and rules are told where they change. */
function linesOf(topology: Topology, rows: readonly Row[], style: Style): readonly Line[] {
  let namespaceBefore: NamespaceId | undefined;
  let packetBefore = "";
  let ruleBefore: string | undefined;
  return rows.map((row) => {
    const words = rowWords(row, arrow(style));
    const id = row.predicted?.namespace ?? row.seen?.namespace;
    const name = id === undefined || id === namespaceBefore ? "" : nameOf(topology, id);
    namespaceBefore = id;
    const packet = words.packet ? packetText(words.packet, arrow(style)) : "";
    const shown = packet === packetBefore ? "" : packet;
    if (packet !== "") packetBefore = packet;
    const isTold = words.rule === ruleBefore || kindOf(row) === "rule";
    const rule = isTold ? undefined : words.rule;
    ruleBefore = words.rule;
    return {
      row,
      namespace: cut(style, legible(style, name), WIDEST.namespace),
      link: cut(style, legible(style, words.link), WIDEST.link),
      text: legible(style, `${words.text}${shown === "" ? "" : `  ${shown}`}`),
      ...(rule !== undefined && { rule: legible(style, rule) }),
    };
  });
}

const kindOf = ({ predicted, seen }: Row): string | undefined => predicted?.event.kind ?? seen?.kind;

const nameOf = (topology: Topology, id: NamespaceId): string =>
  topology.namespaces.get(id)?.name ?? `namespace ${id}`;

function lineText(line: Line, columns: Columns, style: Style): readonly string[] {
  const before = beforeText(columns);
  const room = Math.max(LEAST_TEXT, style.width - before);
  const [first = "", ...rest] = wrap(line.text, room);
  const rule = line.rule === undefined ? [] : wrap(line.rule, room - INDENT.length);
  const { agree, latency } = line.row;
  const mark = paint(style, COLOURS[agree], MARKS[agree][style.unicode ? "unicode" : "ascii"]);
  const marks = columns.proven ? `${mark}${GAP}${latencyText(latency).padStart(LATENCY)}${GAP}` : "";
  const namespace =
    paint(style, "bold", line.namespace) + " ".repeat(columns.namespace - [...line.namespace].length);
  const head = `${marks}${namespace}${GAP}${line.link.padEnd(columns.link)}${GAP}`;
  const margin = " ".repeat(before);
  const ended = line.row.predicted?.event.kind === "drop" || line.row.seen?.kind === "drop";
  const told = (text: string) => (ended ? paint(style, "red", text) : text);
  return [
    `${head}${told(first)}`.trimEnd(),
    ...rest.map((text) => `${margin}${told(text)}`),
    ...rule.map((text) => `${margin}${INDENT}${paint(style, "dim", text)}`),
  ];
}

const latencyText = (latency: number | undefined): string =>
  latency === undefined ? "" : Math.min(latency, NANOSECONDS_AT_MOST).toFixed(0);

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
