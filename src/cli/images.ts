import { filtersParameter } from "./filters.ts";
import { type Column, column, formatList } from "./table.ts";
import { goTime } from "./time.ts";
import { formatDuration, formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";
import type { ImageSummary } from "./wire.ts";

interface Row {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const NONE = "<none>";

/** A row for each name of each image; one without a name has one row. */
export function rowsOf(images: readonly ImageSummary[], withDigests: boolean): readonly Row[] {
  return images.flatMap((image) => {
    const digests = new Map((image.RepoDigests ?? []).map((text) => text.split("@", 2) as [string, string]));
    const names = (image.RepoTags ?? []).filter((name) => name !== `${NONE}:${NONE}`);
    if (names.length === 0) {
      const [repository = NONE, digest = NONE] = digests.entries().next().value ?? [];
      return [{ image, repository, tag: NONE, digest: withDigests ? digest : NONE }];
    }
    return names.map((name) => {
      const colon = name.lastIndexOf(":");
      const repository = name.slice(0, colon);
      return { image, repository, tag: name.slice(colon + 1), digest: digests.get(repository) ?? NONE };
    });
  });
}

const columns = (whole: boolean): readonly Column<Row>[] => [
  column("ID", "IMAGE ID", ({ image }) => (whole ? image.Id : image.Id.replace(/^sha256:/, "").slice(0, 12))),
  column("Repository", "REPOSITORY", ({ repository }) => repository),
  column("Tag", "TAG", ({ tag }) => tag),
  column("Digest", "DIGEST", ({ digest }) => digest),
  column("CreatedSince", "CREATED", ({ image }) =>
    image.Created <= 0 ? "N/A" : `${formatDuration(Date.now() - image.Created * 1000)} ago`,
  ),
  column("CreatedAt", "CREATED AT", ({ image }) => goTime(image.Created)),
  column("Size", "SIZE", ({ image }) => formatSize(image.Size, 3)),
  column("Containers", "CONTAINERS", ({ image }) =>
    (image.Containers ?? -1) < 0 ? "N/A" : String(image.Containers),
  ),
  column("SharedSize", "SHARED SIZE", () => "N/A"),
  column("UniqueSize", "UNIQUE SIZE", () => "N/A"),
  column("VirtualSize", "SIZE", ({ image }) => formatSize(image.Size)),
];

interface Options {
  readonly all: boolean;
  readonly digests: boolean;
  readonly filter: readonly string[];
  readonly format?: string;
  readonly noTrunc: boolean;
  readonly quiet: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  about: "List images",
  flags: [
    flag("-a, --all", "bool", "Show all images (default hides intermediate images)"),
    flag("--digests", "bool", "Show digests"),
    flag("-f, --filter", "filter", "Filter output based on conditions provided"),
    flag("--format", "string", "Format output: table, table TEMPLATE, json, or a Go template"),
    flag("--no-trunc", "bool", "Don't truncate output"),
    flag("-q, --quiet", "bool", "Only show image IDs"),
  ],
  least: 0,
  most: 1,
  async run({ client, out }, [reference], { all, digests, filter, format = "", noTrunc, quiet }) {
    const filters = reference === undefined ? filter : [...filter, `reference=${reference}`];
    const images = await client.get<readonly ImageSummary[]>("/images/json", {
      all,
      digests,
      filters: filtersParameter(filters),
    });
    const fallback = ["Repository", "Tag", ...(digests ? ["Digest"] : []), "ID", "CreatedSince", "Size"];
    out(
      formatList(rowsOf(images, digests), columns(noTrunc), {
        format,
        fallback,
        quiet: quiet ? "ID" : undefined,
      }),
    );
  },
});
