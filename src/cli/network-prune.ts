import { pruningVerb } from "./pruning.ts";

interface Report {
  readonly NetworksDeleted: readonly string[] | null;
}

export default pruningVerb<Report>({
  about: "Remove all unused networks",
  example: "until=<timestamp>",
  what: () => "all custom networks not used by at least one container",
  path: "/networks/prune",
  heading: "Deleted Networks",
  removed: ({ NetworksDeleted }) => NetworksDeleted ?? [],
});
