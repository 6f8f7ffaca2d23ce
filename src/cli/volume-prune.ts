import { pruningVerb } from "./pruning.ts";

interface Report {
  readonly VolumesDeleted: readonly string[] | null;
  readonly SpaceReclaimed: number;
}

export default pruningVerb<Report>({
  about: "Remove unused local volumes",
  aboutAll: "Remove all unused volumes, not just anonymous ones",
  example: "label=<label>",
  what: (all) => `${all ? "all" : "anonymous"} local volumes not used by at least one container`,
  path: "/volumes/prune",
  filters: (filters, all) => (all ? [...filters, "all=true"] : filters),
  heading: "Deleted Volumes",
  removed: ({ VolumesDeleted }) => VolumesDeleted ?? [],
});
