/** The table of a report: a line for each tap, and for what happens between them. Pure. */
import type { NamespaceId, Topology } from "../../observe/types.ts";
import type { Report, Row } from "../types.ts";
import { type Brief, briefly } from "./brief.ts";
import { briefWords, directionOf, packetText, rowWords, type Words } from "./events.ts";
import { arrow, cut, legible, paint, type Style, wrap } from "./style.ts";

/** Letters; longer names are cut. */
const WIDEST = { namespace: 18, link: 20 };
const GAP = "  ";
/** Of a rule, under what it does. */
const INDENT = "  ";
const LEAST_TEXT = 30;
/** Letters of the column of microseconds. */
const LATENCY = 6;
const MICROSECONDS_AT_MOST = 999_999;

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

interface Line {
  readonly row: Row;
  readonly namespace: string;
  readonly link: string;
  readonly text: string;
  readonly rule?: string;
}

interface Columns {
  readonly namespace: number;
  readonly link: number;
  readonly proven: boolean;
}

export function table(topology: Topology, { rows, proof }: Report, style: Style, verbose: boolean): string {
  const to = arrow(style);
  const told = verbose
    ? rows.map((row) => ({ row, words: rowWords(row, to) }))
    : briefly(rows).map((brief: Brief) => ({ row: brief.row, words: briefWords(brief, to) }));
  const lines = linesOf(topology, told, style);
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
  return [...headOf(columns, style), ...body, ...leftOut(rows.length - lines.length, style), ""].join("\n");
}

const leftOut = (count: number, style: Style): readonly string[] =>
  count > 0
    ? [
        paint(
          style,
          "dim",
          `and ${count} step${count === 1 ? "" : "s"} that changed nothing: --verbose shows all`,
        ),
      ]
    : [];

/** Mark and microseconds. */
const marksText = ({ proven }: Columns): number => (proven ? 1 + GAP.length + LATENCY + GAP.length : 0);

const beforeLink = (columns: Columns): number => marksText(columns) + columns.namespace + GAP.length;

const beforeText = (columns: Columns): number => beforeLink(columns) + columns.link + GAP.length;

function headOf(columns: Columns, style: Style): readonly string[] {
  const microseconds = style.unicode ? "µs" : "us";
  const marks = columns.proven ? ` ${GAP}${microseconds.padStart(LATENCY)}${GAP}` : "";
  const head = `${marks}${"namespace".padEnd(columns.namespace)}${GAP}${"interface".padEnd(columns.link)}${GAP}what happens`;
  return [paint(style, "dim", head)];
}

/** Namespaces, packets and rules are told where they change. */
function linesOf(
  topology: Topology,
  told: readonly { readonly row: Row; readonly words: Words }[],
  style: Style,
): readonly Line[] {
  let namespaceBefore: NamespaceId | undefined;
  let packetBefore = "";
  let ruleBefore: string | undefined;
  return told.map(({ row, words }) => {
    const id = row.predicted?.namespace ?? row.seen?.namespace;
    const name = id === undefined || id === namespaceBefore ? "" : nameOf(topology, id);
    namespaceBefore = id;
    const packet = words.packet ? packetText(words.packet, arrow(style)) : "";
    const shown = packet === packetBefore ? "" : packet;
    if (packet !== "") packetBefore = packet;
    const isTold = words.rule === ruleBefore || words.text.includes(words.rule?.replace(/^rule /, "") ?? "");
    const rule = isTold ? undefined : words.rule?.replace(/^rule /, "");
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

const nameOf = (topology: Topology, id: NamespaceId): string =>
  topology.namespaces.get(id)?.name ?? `namespace ${id}`;

function lineText(line: Line, columns: Columns, style: Style): readonly string[] {
  const before = beforeText(columns);
  const [first = "", ...rest] = wrap(line.text, Math.max(LEAST_TEXT, style.width - before));
  const { agree, latency } = line.row;
  const mark = paint(style, COLOURS[agree], MARKS[agree][style.unicode ? "unicode" : "ascii"]);
  const marks = columns.proven ? `${mark}${GAP}${latencyText(latency).padStart(LATENCY)}${GAP}` : "";
  const namespace =
    paint(style, "bold", line.namespace) + " ".repeat(columns.namespace - [...line.namespace].length);
  const head = `${marks}${namespace}${GAP}${line.link.padEnd(columns.link)}${GAP}`;
  const ended = line.row.predicted?.event.kind === "drop" || line.row.seen?.kind === "drop";
  const told = (text: string) => (ended ? paint(style, "red", text) : text);
  return [
    `${head}${told(first)}`.trimEnd(),
    ...rest.map((text) => `${" ".repeat(before)}${told(text)}`),
    ...ruleLines(line.rule, columns, style),
  ];
}

/** Rules are long: they begin where interfaces do. */
function ruleLines(rule: string | undefined, columns: Columns, style: Style): readonly string[] {
  if (rule === undefined) return [];
  const before = beforeLink(columns) + INDENT.length;
  return wrap(rule, Math.max(LEAST_TEXT, style.width - before)).map(
    (text) => `${" ".repeat(before)}${paint(style, "dim", text)}`,
  );
}

const latencyText = (latency: number | undefined): string =>
  latency === undefined ? "" : Math.min(latency, MICROSECONDS_AT_MOST).toFixed(0);
