import { rowsOf } from "./images.ts";
import { column, formatList, layOut } from "./table.ts";
import { formatDuration, formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";
import type { ContainerSummary, ImageSummary } from "./wire.ts";

/** Docker API, "Get data usage information". */
interface Usage {
  readonly LayersSize: number;
  readonly Images: readonly (ImageSummary & { readonly SharedSize?: number })[] | null;
  readonly Containers: readonly ContainerSummary[] | null;
  readonly Volumes:
    | readonly {
        readonly Name: string;
        readonly UsageData?: { readonly Size: number; readonly RefCount: number } | null;
      }[]
    | null;
  readonly BuildCache:
    | readonly {
        readonly ID: string;
        readonly Type: string;
        readonly Size: number;
        readonly InUse: boolean;
        readonly Shared: boolean;
      }[]
    | null;
}

interface Row {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
}

const COLUMNS = [
  column<Row>("Type", "TYPE", ({ type }) => type),
  column<Row>("TotalCount", "TOTAL", ({ total }) => String(total)),
  column<Row>("Active", "ACTIVE", ({ active }) => String(active)),
  column<Row>("Size", "SIZE", ({ size }) => formatSize(size)),
  column<Row>("Reclaimable", "RECLAIMABLE", ({ type, size, reclaimable }) => {
    const share = size > 0 && type !== "Build Cache" ? ` (${Math.floor((100 * reclaimable) / size)}%)` : "";
    return `${formatSize(reclaimable)}${share}`;
  }),
];

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

const RUNS = new Set(["running", "paused", "restarting"]);

/** What each kind takes, and what of it a prune of everything unused would give back. */
export function rowsOfUsage({ LayersSize, Images, Containers, Volumes, BuildCache }: Usage): readonly Row[] {
  const images = Images ?? [];
  const used = images.filter(({ Containers: users = 0 }) => users > 0);
  const layersInUse = sum(
    used.map(({ Size, SharedSize = 0 }) => (SharedSize > 0 ? Size - SharedSize : Size)),
  );
  const containers = Containers ?? [];
  const running = containers.filter(({ State }) => RUNS.has(State));
  const written = (list: readonly ContainerSummary[]) => sum(list.map(({ SizeRw = 0 }) => SizeRw));
  const volumes = Volumes ?? [];
  const held = volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) > 0);
  const holds = (list: typeof volumes) => sum(list.map(({ UsageData }) => Math.max(0, UsageData?.Size ?? 0)));
  const caches = BuildCache ?? [];
  const cached = (list: typeof caches) => sum(list.filter(({ Shared }) => !Shared).map(({ Size }) => Size));
  return [
    {
      type: "Images",
      total: images.length,
      active: used.length,
      size: LayersSize,
      reclaimable: Math.max(0, LayersSize - layersInUse),
    },
    {
      type: "Containers",
      total: containers.length,
      active: running.length,
      size: written(containers),
      reclaimable: written(containers) - written(running),
    },
    {
      type: "Local Volumes",
      total: volumes.length,
      active: held.length,
      size: holds(volumes),
      reclaimable: holds(volumes) - holds(held),
    },
    {
      type: "Build Cache",
      total: caches.length,
      active: caches.filter(({ InUse }) => InUse).length,
      size: cached(caches),
      reclaimable: cached(caches.filter(({ InUse }) => !InUse)),
    },
  ];
}

const age = (seconds: number): string => `${formatDuration(Date.now() - seconds * 1000)} ago`;

function details(usage: Usage): string {
  const images = rowsOf(usage.Images ?? [], false).map(({ image, repository, tag }) => [
    repository,
    tag,
    image.Id.replace(/^sha256:/, "").slice(0, 12),
    age(image.Created),
    formatSize(image.Size, 3),
    String(image.Containers ?? 0),
  ]);
  const containers = (usage.Containers ?? []).map((each) => [
    each.Id.slice(0, 12),
    each.Image,
    String((each.Mounts ?? []).filter(({ Driver }) => Driver === "local").length),
    formatSize(each.SizeRw ?? 0, 3),
    age(each.Created),
    each.Status,
    each.Names.map((name) => name.replace(/^\//, "")).join(","),
  ]);
  const volumes = (usage.Volumes ?? []).map(({ Name, UsageData }) => [
    Name,
    String(UsageData?.RefCount ?? "N/A"),
    formatSize(Math.max(0, UsageData?.Size ?? 0)),
  ]);
  return [
    "Images space usage:\n\n",
    layOut([["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "CONTAINERS"], ...images]),
    "\nContainers space usage:\n\n",
    layOut([["CONTAINER ID", "IMAGE", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"], ...containers]),
    "\nLocal Volumes space usage:\n\n",
    layOut([["VOLUME NAME", "LINKS", "SIZE"], ...volumes]),
  ].join("");
}

export default verb<{ format?: string; verbose: boolean }>({
  usage: "[OPTIONS]",
  about: "Show disk usage",
  flags: [
    flag("--format", "string", "Format output: table, table TEMPLATE, json, or a Go template"),
    flag("-v, --verbose", "bool", "Show detailed information on space usage"),
  ],
  least: 0,
  most: 0,
  async run({ client, out }, _, { format = "", verbose }) {
    const usage = await client.get<Usage>("/system/df");
    if (verbose && format === "") {
      out(details(usage));
      return;
    }
    const fallback = ["Type", "TotalCount", "Active", "Size", "Reclaimable"];
    out(formatList(rowsOfUsage(usage), COLUMNS, { format, fallback }));
  },
});
