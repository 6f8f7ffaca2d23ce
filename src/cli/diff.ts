import { containerPath } from "./container-path.ts";
import { column, formatList } from "./table.ts";
import { flag, verb } from "./verb.ts";

interface Change {
  readonly Path: string;
  readonly Kind: 0 | 1 | 2;
}

const LETTERS = { 0: "C", 1: "A", 2: "D" } as const;

const COLUMNS = [
  column<Change>("Type", "CHANGE TYPE", ({ Kind }) => LETTERS[Kind]),
  column<Change>("Path", "PATH", ({ Path }) => Path),
];

export default verb<{ format?: string }>({
  usage: "[OPTIONS] CONTAINER",
  about: "Inspect changes to files or directories on a container's filesystem",
  flags: [flag("--format", "string", "Format output: table, table TEMPLATE, json, or a Go template")],
  least: 1,
  most: 1,
  async run({ client, out }, [name = ""], { format = "{{.Type}} {{.Path}}" }) {
    const changes = await client.get<readonly Change[] | null>(`${containerPath(name)}/changes`);
    out(formatList(changes ?? [], COLUMNS, { format, fallback: ["Type", "Path"] }));
  },
});
