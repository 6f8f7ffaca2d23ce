import { confirm } from "./confirm.ts";
import { filtersParameter } from "./filters.ts";
import { formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";

const question = (all: boolean): string =>
  `WARNING! This will remove ${all ? "all" : "anonymous"} local volumes not used by at least one container.\n` +
  "Are you sure you want to continue?";

interface Options {
  readonly all: boolean;
  readonly filter: readonly string[];
  readonly force: boolean;
}

interface Report {
  readonly VolumesDeleted: readonly string[] | null;
  readonly SpaceReclaimed: number;
}

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "Remove unused local volumes",
  flags: [
    flag("-a, --all", "bool", "Remove all unused volumes, not just anonymous ones"),
    flag("--filter", "filter", 'Provide filter values (e.g. "label=<label>")'),
    flag("-f, --force", "bool", "Do not prompt for confirmation"),
  ],
  least: 0,
  most: 0,
  async run(context, _, { all, filter, force }) {
    const filters = filtersParameter(all ? [...filter, "all=true"] : filter);
    if (!force && !(await confirm(context, question(all)))) return;
    const { VolumesDeleted, SpaceReclaimed } = await context.client.post<Report>("/volumes/prune", {
      filters,
    });
    const names = VolumesDeleted ?? [];
    if (names.length > 0) context.out(`Deleted Volumes:\n${names.map((name) => `${name}\n`).join("")}\n`);
    context.out(`Total reclaimed space: ${formatSize(SpaceReclaimed)}\n`);
  },
});
