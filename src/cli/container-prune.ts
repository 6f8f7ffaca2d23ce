import { pruningVerb } from "./pruning.ts";

interface Report {
  readonly ContainersDeleted: readonly string[] | null;
  readonly SpaceReclaimed: number;
}

export default pruningVerb<Report>({
  about: "Remove all stopped containers",
  example: "until=<timestamp>",
  what: () => "all stopped containers",
  path: "/containers/prune",
  heading: "Deleted Containers",
  removed: ({ ContainersDeleted }) => ContainersDeleted ?? [],
});
