import { pruningVerb } from "./pruning.ts";

interface Report {
  readonly CachesDeleted: readonly string[] | null;
  readonly SpaceReclaimed: number;
}

export default pruningVerb<Report>({
  about: "Remove build cache",
  aboutAll: "Remove all unused build cache, not just dangling ones",
  example: "until=24h",
  what: () => "all build cache",
  path: "/build/prune",
  sendsAll: true,
  heading: "Deleted build cache objects",
  removed: ({ CachesDeleted }) => CachesDeleted ?? [],
});
