import { confirm } from "./confirm.ts";
import { filtersParameter } from "./filters.ts";
import { formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";

const QUESTION = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?";

export interface ContainersPruned {
  readonly ContainersDeleted: readonly string[] | null;
  readonly SpaceReclaimed: number;
}

export default verb<{ filter: readonly string[]; force: boolean }>({
  usage: "[OPTIONS]",
  about: "Remove all stopped containers",
  flags: [
    flag("--filter", "filter", 'Provide filter values (e.g. "until=<timestamp>")'),
    flag("-f, --force", "bool", "Do not prompt for confirmation"),
  ],
  least: 0,
  most: 0,
  async run(context, _, { filter, force }) {
    const filters = filtersParameter(filter);
    if (!force && !(await confirm(context, QUESTION))) return;
    const done = await context.client.post<ContainersPruned>("/containers/prune", { filters });
    const ids = done.ContainersDeleted ?? [];
    if (ids.length > 0) context.out(`Deleted Containers:\n${ids.map((id) => `${id}\n`).join("")}\n`);
    context.out(`Total reclaimed space: ${formatSize(done.SpaceReclaimed)}\n`);
  },
});
