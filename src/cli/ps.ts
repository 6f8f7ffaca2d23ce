import { filtersParameter } from "./filters.ts";
import { formatPorts } from "./ports.ts";
import { type Column, column, formatList, labelColumn, labelsColumn } from "./table.ts";
import { goTime } from "./time.ts";
import { formatDuration, formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";
import type { ContainerSummary } from "./wire.ts";

const ellipsis = (text: string, most: number): string => {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
};

const sizeOf = ({ SizeRw = 0, SizeRootFs = 0 }: ContainerSummary): string =>
  SizeRootFs > 0 ? `${formatSize(SizeRw, 3)} (virtual ${formatSize(SizeRootFs, 3)})` : formatSize(SizeRw, 3);

/** A name by a link (`/web/db`) is another container's word for this one. */
const ownNames = (names: readonly string[], all: boolean): string =>
  names
    .map((name) => name.replace(/^\//, ""))
    .filter((name) => all || !name.includes("/"))
    .join(",");

function mountsOf({ Mounts }: ContainerSummary, whole: boolean): string {
  return (Mounts ?? [])
    .map(({ Name, Source }) => (whole ? Name || Source || "" : ellipsis(Name || Source || "", 15)))
    .join(",");
}

function columns(whole: boolean): readonly Column<ContainerSummary>[] {
  return [
    column("ID", "CONTAINER ID", ({ Id }) => (whole ? Id : Id.slice(0, 12))),
    column("Names", "NAMES", ({ Names }) => ownNames(Names, whole)),
    column("Image", "IMAGE", ({ Image, ImageID }) => {
      if (whole) return Image || "<no image>";
      return /^(sha256:)?[0-9a-f]{64}$/.test(Image)
        ? ImageID.replace(/^sha256:/, "").slice(0, 12)
        : Image || "<no image>";
    }),
    column("Command", "COMMAND", ({ Command }) => JSON.stringify(whole ? Command : ellipsis(Command, 20))),
    column("CreatedAt", "CREATED AT", ({ Created }) => goTime(Created)),
    column("RunningFor", "CREATED", ({ Created }) => `${formatDuration(Date.now() - Created * 1000)} ago`),
    column("Ports", "PORTS", ({ Ports }) => formatPorts(Ports)),
    column("State", "STATE", ({ State }) => State),
    column("Status", "STATUS", ({ Status }) => Status),
    column("Size", "SIZE", sizeOf),
    labelsColumn(),
    column("Mounts", "MOUNTS", (row) => mountsOf(row, whole)),
    column("LocalVolumes", "LOCAL VOLUMES", ({ Mounts }) =>
      String((Mounts ?? []).filter((mount) => mount.Driver === "local").length),
    ),
    column("Networks", "NETWORKS", ({ NetworkSettings }) =>
      Object.keys(NetworkSettings?.Networks ?? {})
        .sort()
        .join(","),
    ),
    column("Platform", "PLATFORM", () => null),
    labelColumn(),
  ];
}

interface Options {
  readonly all: boolean;
  readonly filter: readonly string[];
  readonly format?: string;
  readonly last?: number;
  readonly latest: boolean;
  readonly noTrunc: boolean;
  readonly quiet: boolean;
  readonly size: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "List containers",
  flags: [
    flag("-a, --all", "bool", "Show all containers (default shows just running)"),
    flag("-f, --filter", "filter", "Filter output based on conditions provided"),
    flag("--format", "string", "Format output: table, table TEMPLATE, json, or a Go template"),
    flag("-n, --last", "int", "Show n last created containers (includes all states) (default -1)"),
    flag("-l, --latest", "bool", "Show the latest created container (includes all states)"),
    flag("--no-trunc", "bool", "Don't truncate output"),
    flag("-q, --quiet", "bool", "Only display container IDs"),
    flag("-s, --size", "bool", "Display total file sizes"),
  ],
  least: 0,
  most: 0,
  async run({ client, out }, _, options) {
    const { format = "", noTrunc, quiet } = options;
    const limit = options.latest ? 1 : (options.last ?? -1);
    const size = options.size || (!quiet && /\.Size\b/.test(format));
    const rows = await client.get<readonly ContainerSummary[]>("/containers/json", {
      all: options.all,
      size,
      limit: limit > 0 ? limit : undefined,
      filters: filtersParameter(options.filter),
    });
    const fallback = [
      "ID",
      "Image",
      "Command",
      "RunningFor",
      "Status",
      "Ports",
      "Names",
      ...(size ? ["Size"] : []),
    ];
    out(formatList(rows, columns(noTrunc), { format, fallback, quiet: quiet ? "ID" : undefined }));
  },
});
