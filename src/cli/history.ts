import { imagePath } from "./image-path.ts";
import { platformParameter } from "./platform-parameter.ts";
import { type Column, column, formatList } from "./table.ts";
import { formatDuration, formatSize } from "./values.ts";
import { flag, verb } from "./verb.ts";

interface Step {
  readonly Id: string;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Comment: string;
  readonly Size: number;
}

interface Options {
  readonly format?: string;
  readonly human: boolean;
  readonly noTrunc: boolean;
  readonly platform?: string;
  readonly quiet: boolean;
}

const LONGEST_COMMAND = 45;

const shortened = (text: string): string =>
  [...text].length > LONGEST_COMMAND ? `${[...text].slice(0, LONGEST_COMMAND - 1).join("")}…` : text;

const columns = ({ human, noTrunc }: Options): readonly Column<Step>[] => [
  column("ID", "IMAGE", ({ Id }) => (noTrunc ? Id : Id.replace(/^sha256:/, "").slice(0, 12))),
  column("CreatedSince", "CREATED", ({ Created }) => {
    if (!human) return timeOf(Created);
    return Created <= 0 ? "N/A" : `${formatDuration(Date.now() - Created * 1000)} ago`;
  }),
  column("CreatedAt", "CREATED AT", ({ Created }) => timeOf(Created)),
  column("CreatedBy", "CREATED BY", ({ CreatedBy }) => {
    const line = CreatedBy.replaceAll("\t", " ");
    return noTrunc ? line : shortened(line);
  }),
  column("Size", "SIZE", ({ Size }) => (human ? formatSize(Size, 3) : String(Size))),
  column("Comment", "COMMENT", ({ Comment }) => Comment),
];

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

export default verb<Options>({
  usage: "[OPTIONS] IMAGE",
  about: "Show the history of an image",
  flags: [
    flag("--format", "string", "Format output: table, table TEMPLATE, json, or a Go template"),
    flag("-H, --human", "bool", "Print sizes and dates in human readable format (default true)").default(
      true,
    ),
    flag("--no-trunc", "bool", "Don't truncate output"),
    flag("--platform", "string", "Show history for the given platform. Formatted as os[/arch[/variant]]"),
    flag("-q, --quiet", "bool", "Only show image IDs"),
  ],
  least: 1,
  most: 1,
  async run({ client, out }, [name = ""], options) {
    const { format = "", quiet, platform } = options;
    const steps = await client.get<readonly Step[]>(imagePath(name, "history"), {
      platform: platformParameter(platform),
    });
    const fallback = ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"];
    out(formatList(steps, columns(options), { format, fallback, quiet: quiet ? "ID" : undefined }));
  },
});
