/** Lists as Docker prints them: a table, JSON, or a template a row (docker/cli, formatter). */
import { compileTemplate } from "./template.ts";
import { toJson } from "./template-functions.ts";

/** A field that a template can name. */
export interface Column<Row> {
  readonly name: string;
  readonly header: string;
  readonly value: (row: Row) => unknown;
}

export const column = <Row>(name: string, header: string, value: (row: Row) => unknown): Column<Row> => ({
  name,
  header,
  value,
});

interface Labelled {
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** All labels, `key=value` each, in order. */
export const labelsColumn = <Row extends Labelled>(): Column<Row> =>
  column("Labels", "LABELS", ({ Labels }) =>
    Object.entries(Labels ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(","),
  );

/** One label, by its key: `{{.Label "x"}}`. */
export const labelColumn = <Row extends Labelled>(): Column<Row> =>
  column(
    "Label",
    "",
    ({ Labels }) =>
      (key: unknown) =>
        Labels?.[String(key)] ?? "",
  );

export interface ListOptions {
  /** As given; empty for `fallback`. */
  readonly format: string;
  /** The fields of the table that is shown without a format. */
  readonly fallback: readonly string[];
  /** A field of every row, alone: `-q`. */
  readonly quiet?: string | undefined;
}

const PADDING = 3;
const LEAST = 10;

/** Cells in columns as text/tabwriter lays them out for Docker: three spaces between, ten at least. */
export function layOut(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? LEAST, [...cell].length + PADDING);
    });
  }
  const pad = (cell: string, width: number) => cell + " ".repeat(Math.max(0, width - [...cell].length));
  return rows
    .map(
      (row) => `${row.map((cell, i) => (i < row.length - 1 ? pad(cell, widths[i] ?? 0) : cell)).join("")}\n`,
    )
    .join("");
}

/** What `{{.Label "x"}}` is called in the header. */
const headerOf = (key: unknown): string => String(key).split(".").at(-1) ?? "";

export function formatList<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: ListOptions,
): string {
  const byName = columns.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const fields = (row: Row) => Object.fromEntries(byName.map(({ name, value }) => [name, value(row)]));
  const format = options.format.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  const isTable = format === "" || format === "table" || /^table\s/.test(format);
  if (options.quiet !== undefined && isTable) {
    return rows.map((row) => `${fields(row)[options.quiet ?? ""]}\n`).join("");
  }
  if (format === "json") {
    return rows.map((row) => `${escapeHtml(toJson(fields(row)))}\n`).join("");
  }
  const own = isTable ? format.replace(/^table\s*/, "") : format;
  const template = compileTemplate(own || options.fallback.map((name) => `{{.${name}}}`).join("\t"));
  const lines = rows.map((row) => template(fields(row)));
  if (!isTable) return lines.map((line) => `${line}\n`).join("");
  const headers = Object.fromEntries(
    columns.map(({ name, header }) => [name, header === "" ? headerOf : header]),
  );
  return layOut([template(headers), ...lines].map((line) => line.split("\t")));
}

/** As Go's encoder writes what could be read as HTML. */
const escapeHtml = (json: string): string =>
  json.replace(/[<>&]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
