/** Verbs that remove all that is unused of one kind. */
import { confirm } from "./confirm.ts";
import { filtersParameter } from "./filters.ts";
import { formatSize } from "./values.ts";
import { flag, type Verb, verb } from "./verb.ts";

export interface Pruning<Report> {
  readonly about: string;
  /** What `-a` is for, where there is one. */
  readonly aboutAll?: string;
  /** A filter for the help to show. */
  readonly example: string;
  /** What will be removed: `all stopped containers`. */
  readonly what: (all: boolean) => string;
  readonly path: string;
  /** `--filter`s with what `-a` means for them. */
  readonly filters?: (filters: readonly string[], all: boolean) => readonly string[];
  /** Whether `-a` is a parameter of its own. */
  readonly sendsAll?: boolean;
  readonly heading: string;
  /** A line each. */
  readonly removed: (report: Report) => readonly string[];
}

/** Of all but networks, which take no space. */
interface Reclaiming {
  readonly SpaceReclaimed?: number;
}

interface Options {
  readonly all?: boolean;
  readonly filter: readonly string[];
  readonly force: boolean;
}

export function pruningVerb<Report extends object>(of: Pruning<Report>): Verb {
  return verb<Options>({
    usage: "[OPTIONS]",
    about: of.about,
    flags: [
      ...(of.aboutAll === undefined ? [] : [flag("-a, --all", "bool", of.aboutAll)]),
      flag("--filter", "filter", `Provide filter values (e.g. "${of.example}")`),
      flag("-f, --force", "bool", "Do not prompt for confirmation"),
    ],
    least: 0,
    most: 0,
    async run(context, _, { all = false, filter, force }) {
      const filters = filtersParameter(of.filters?.(filter, all) ?? filter);
      const question = `WARNING! This will remove ${of.what(all)}.\nAre you sure you want to continue?`;
      if (!force && !(await confirm(context, question))) return;
      const report = await context.client.post<Report & Reclaiming>(of.path, {
        filters,
        ...(of.sendsAll && { all }),
      });
      const lines = of.removed(report);
      if (lines.length > 0) context.out(`${of.heading}:\n${lines.map((line) => `${line}\n`).join("")}\n`);
      const { SpaceReclaimed } = report;
      if (SpaceReclaimed !== undefined) context.out(`Total reclaimed space: ${formatSize(SpaceReclaimed)}\n`);
    },
  });
}
