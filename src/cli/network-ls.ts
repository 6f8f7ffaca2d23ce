import { filtersParameter } from "./filters.ts";
import { compareNaturally } from "./natural.ts";
import { type Column, column, formatList, labelColumn, labelsColumn } from "./table.ts";
import { flag, verb } from "./verb.ts";
import type { NetworkSummary } from "./wire.ts";

/** `2026-01-02 03:04:05.123456789 +0000 UTC` of an RFC 3339 time. */
const created = (text: string): string => text.replace("T", " ").replace(/Z$/, " +0000 UTC");

const columns = (whole: boolean): readonly Column<NetworkSummary>[] => [
  column("ID", "NETWORK ID", ({ Id }) => (whole ? Id : Id.slice(0, 12))),
  column("Name", "NAME", ({ Name }) => Name),
  column("Driver", "DRIVER", ({ Driver }) => Driver),
  column("Scope", "SCOPE", ({ Scope }) => Scope),
  column("IPv4", "IPV4", ({ EnableIPv4 }) => String(EnableIPv4 ?? true)),
  column("IPv6", "IPV6", ({ EnableIPv6 }) => String(EnableIPv6)),
  column("Internal", "INTERNAL", ({ Internal }) => String(Internal)),
  column("CreatedAt", "CREATED AT", ({ Created }) => created(Created)),
  labelsColumn(),
  labelColumn(),
];

interface Options {
  readonly filter: readonly string[];
  readonly format?: string;
  readonly noTrunc: boolean;
  readonly quiet: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "List networks",
  flags: [
    flag("-f, --filter", "filter", 'Provide filter values (e.g. "driver=bridge")'),
    flag("--format", "string", "Format output: table, table TEMPLATE, json, or a Go template"),
    flag("--no-trunc", "bool", "Do not truncate the output"),
    flag("-q, --quiet", "bool", "Only display network IDs"),
  ],
  least: 0,
  most: 0,
  async run({ client, out }, _, { filter, format = "", noTrunc, quiet }) {
    const networks = await client.get<readonly NetworkSummary[]>("/networks", {
      filters: filtersParameter(filter),
    });
    const rows = networks.toSorted((a, b) => compareNaturally(a.Name, b.Name));
    const fallback = ["ID", "Name", "Driver", "Scope"];
    out(formatList(rows, columns(noTrunc), { format, fallback, quiet: quiet ? "ID" : undefined }));
  },
});
