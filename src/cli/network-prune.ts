import { confirm } from "./confirm.ts";
import { filtersParameter } from "./filters.ts";
import { flag, verb } from "./verb.ts";

const QUESTION =
  "WARNING! This will remove all custom networks not used by at least one container.\n" +
  "Are you sure you want to continue?";

export default verb<{ filter: readonly string[]; force: boolean }>({
  usage: "[OPTIONS]",
  about: "Remove all unused networks",
  flags: [
    flag("--filter", "filter", 'Provide filter values (e.g. "until=<timestamp>")'),
    flag("-f, --force", "bool", "Do not prompt for confirmation"),
  ],
  least: 0,
  most: 0,
  async run(context, _, { filter, force }) {
    const filters = filtersParameter(filter);
    if (!force && !(await confirm(context, QUESTION))) return;
    const { NetworksDeleted } = await context.client.post<{ NetworksDeleted: readonly string[] | null }>(
      "/networks/prune",
      { filters },
    );
    const names = NetworksDeleted ?? [];
    if (names.length > 0) context.out(`Deleted Networks:\n${names.map((name) => `${name}\n`).join("")}\n`);
  },
});
