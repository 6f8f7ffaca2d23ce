import { filtersParameter } from "./filters.ts";
import { compareNaturally } from "./natural.ts";
import { type Column, column, formatList, labelColumn, labelsColumn } from "./table.ts";
import { flag, verb } from "./verb.ts";

/** Volume of the Engine API, as far as a list shows it. */
interface Volume {
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Mountpoint: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

const COLUMNS: readonly Column<Volume>[] = [
  column("Name", "VOLUME NAME", ({ Name }) => Name),
  column("Driver", "DRIVER", ({ Driver }) => Driver),
  column("Scope", "SCOPE", ({ Scope }) => Scope),
  column("Mountpoint", "MOUNTPOINT", ({ Mountpoint }) => Mountpoint),
  // Known from `system df -v` alone.
  column("Links", "LINKS", () => "N/A"),
  column("Size", "SIZE", () => "N/A"),
  labelsColumn(),
  labelColumn(),
];

interface Options {
  readonly filter: readonly string[];
  readonly format?: string;
  readonly quiet: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "List volumes",
  flags: [
    flag("-f, --filter", "filter", 'Provide filter values (e.g. "dangling=true")'),
    flag("--format", "string", "Format output: table, table TEMPLATE, json, or a Go template"),
    flag("-q, --quiet", "bool", "Only display volume names"),
  ],
  least: 0,
  most: 0,
  async run({ client, out, err }, _, { filter, format = "", quiet }) {
    const { Volumes, Warnings } = await client.get<{
      Volumes: readonly Volume[] | null;
      Warnings: readonly string[] | null;
    }>("/volumes", { filters: filtersParameter(filter) });
    const rows = (Volumes ?? []).toSorted((a, b) => compareNaturally(a.Name, b.Name));
    out(
      formatList(rows, COLUMNS, { format, fallback: ["Driver", "Name"], quiet: quiet ? "Name" : undefined }),
    );
    for (const warning of Warnings ?? []) err(`WARNING: ${warning}\n`);
  },
});
