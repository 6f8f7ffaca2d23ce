import { confirm } from "./confirm.ts";
import { ExitError } from "./errors.ts";
import { filtersParameter } from "./filters.ts";
import { formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly all: boolean;
  readonly filter: readonly string[];
  readonly force: boolean;
  readonly volumes: boolean;
}

/** What the prunes answer, each a part of it (Docker API). */
interface Report {
  readonly ContainersDeleted?: readonly string[] | null;
  readonly NetworksDeleted?: readonly string[] | null;
  readonly VolumesDeleted?: readonly string[] | null;
  readonly ImagesDeleted?: readonly { readonly Untagged?: string; readonly Deleted?: string }[] | null;
  readonly CachesDeleted?: readonly string[] | null;
  readonly SpaceReclaimed?: number;
}

function question({ all, filter, volumes }: Options): string {
  const goes = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
    all ? "all build cache" : "unused build cache",
  ];
  const asked =
    filter.length > 0
      ? `\n  Items to be pruned will be filtered with:\n${filter.map((each) => `  - ${each}\n`).join("")}`
      : "";
  const list = goes.map((each) => `  - ${each}\n`).join("");
  return `WARNING! This will remove:\n${list}${asked}\nAre you sure you want to continue?`;
}

function told(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `Deleted ${title}:\n${lines.join("\n")}\n\n`;
}

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "Remove unused data",
  flags: [
    flag("-a, --all", "bool", "Remove all unused images not just dangling ones"),
    flag("--filter", "filter", 'Provide filter values (e.g. "label=<key>=<value>")'),
    flag("-f, --force", "bool", "Do not prompt for confirmation"),
    flag("--volumes", "bool", "Prune anonymous volumes"),
  ],
  least: 0,
  most: 0,
  async run(context, _, options) {
    const { all, filter, force, volumes } = options;
    if (volumes && filter.some((each) => each.startsWith("until="))) {
      throw new ExitError(1, 'ERROR: The "until" filter is not supported with "--volumes"');
    }
    const filters = filtersParameter(filter);
    const imageFilters = filtersParameter([...filter, `dangling=${!all}`]);
    if (!force && !(await confirm(context, question(options)))) return;
    let reclaimed = 0;
    const prune = async (path: string, query: Readonly<Record<string, string | boolean | undefined>>) => {
      const report = await context.client.post<Report>(path, query);
      reclaimed += report.SpaceReclaimed ?? 0;
      return report;
    };
    const { ContainersDeleted } = await prune("/containers/prune", { filters });
    context.out(told("Containers", ContainersDeleted ?? []));
    const { NetworksDeleted } = await prune("/networks/prune", { filters });
    context.out(told("Networks", NetworksDeleted ?? []));
    if (volumes) {
      const { VolumesDeleted } = await prune("/volumes/prune", { filters });
      context.out(told("Volumes", VolumesDeleted ?? []));
    }
    const { ImagesDeleted } = await prune("/images/prune", { filters: imageFilters });
    const images = (ImagesDeleted ?? []).map(({ Untagged, Deleted }) =>
      Deleted === undefined ? `untagged: ${Untagged}` : `deleted: ${Deleted}`,
    );
    context.out(told("Images", images));
    const { CachesDeleted } = await prune("/build/prune", { all, filters });
    context.out(told("build cache objects", CachesDeleted ?? []));
    context.out(`Total reclaimed space: ${formatSize(reclaimed)}\n`);
  },
});
