import { confirm } from "./confirm.ts";
import { filtersParameter } from "./filters.ts";
import { formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";

const QUESTION = "WARNING! This will remove all build cache.\nAre you sure you want to continue?";

export default verb<{ all: boolean; filter: readonly string[]; force: boolean }>({
  usage: "[OPTIONS]",
  about: "Remove build cache",
  flags: [
    flag("-a, --all", "bool", "Remove all unused build cache, not just dangling ones"),
    flag("--filter", "filter", 'Provide filter values (e.g. "until=24h")'),
    flag("-f, --force", "bool", "Do not prompt for confirmation"),
  ],
  least: 0,
  most: 0,
  async run(context, _, { all, filter, force }) {
    const filters = filtersParameter(filter);
    if (!force && !(await confirm(context, QUESTION))) return;
    const { CachesDeleted, SpaceReclaimed } = await context.client.post<{
      CachesDeleted: readonly string[] | null;
      SpaceReclaimed: number;
    }>("/build/prune", { filters, all });
    const ids = CachesDeleted ?? [];
    if (ids.length > 0) {
      context.out(`Deleted build cache objects:\n${ids.map((id) => `${id}\n`).join("")}\n`);
    }
    context.out(`Total reclaimed space: ${formatSize(SpaceReclaimed)}\n`);
  },
});
