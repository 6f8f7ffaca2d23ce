import { pruningVerb } from "./pruning.ts";

interface Report {
  readonly ImagesDeleted: readonly { readonly Untagged?: string; readonly Deleted?: string }[] | null;
  readonly SpaceReclaimed: number;
}

export default pruningVerb<Report>({
  about: "Remove unused images",
  aboutAll: "Remove all unused images, not just dangling ones",
  example: "until=<timestamp>",
  what: (all) =>
    all ? "all images without at least one container associated to them" : "all dangling images",
  path: "/images/prune",
  filters: (filters, all) => [...filters, `dangling=${!all}`],
  heading: "Deleted Images",
  removed: ({ ImagesDeleted }) =>
    (ImagesDeleted ?? []).map(({ Untagged, Deleted }) =>
      Deleted === undefined ? `untagged: ${Untagged}` : `deleted: ${Deleted}`,
    ),
});
