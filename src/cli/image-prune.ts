import { confirm } from "./confirm.ts";
import { filtersParameter } from "./filters.ts";
import { formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";

const QUESTION = (what: string) =>
  `WARNING! This will remove all ${what}.\nAre you sure you want to continue?`;

export interface ImagesPruned {
  readonly ImagesDeleted: readonly { readonly Untagged?: string; readonly Deleted?: string }[] | null;
  readonly SpaceReclaimed: number;
}

export default verb<{ all: boolean; filter: readonly string[]; force: boolean }>({
  usage: "[OPTIONS]",
  about: "Remove unused images",
  flags: [
    flag("-a, --all", "bool", "Remove all unused images, not just dangling ones"),
    flag("--filter", "filter", 'Provide filter values (e.g. "until=<timestamp>")'),
    flag("-f, --force", "bool", "Do not prompt for confirmation"),
  ],
  least: 0,
  most: 0,
  async run(context, _, { all, filter, force }) {
    const filters = filtersParameter([...filter, `dangling=${!all}`]);
    const what = all ? "images without at least one container associated to them" : "dangling images";
    if (!force && !(await confirm(context, QUESTION(what)))) return;
    const done = await context.client.post<ImagesPruned>("/images/prune", { filters });
    const removed = done.ImagesDeleted ?? [];
    const lines = removed.map(({ Untagged, Deleted }) =>
      Deleted === undefined ? `untagged: ${Untagged}\n` : `deleted: ${Deleted}\n`,
    );
    if (lines.length > 0) context.out(`Deleted Images:\n${lines.join("")}\n`);
    context.out(`Total reclaimed space: ${formatSize(done.SpaceReclaimed)}\n`);
  },
});
