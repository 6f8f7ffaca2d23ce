import { containerPath } from "./container-path.ts";
import { verb } from "./verb.ts";

interface Answer {
  readonly Titles: readonly string[];
  readonly Processes: readonly (readonly string[])[];
}

/** Columns of at least twenty letters, three more than their longest cell, as Docker has them. */
function layOut(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 20, cell.length + 3);
    });
  }
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i < row.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell)).join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}

export default verb({
  usage: "CONTAINER [ps OPTIONS]",
  about: "Display the running processes of a container",
  flags: [],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  flagsFirst: true,
  async run({ client, out }, [container = "", ...words]) {
    const { Titles, Processes } = await client.get<Answer>(containerPath(container, "top"), {
      ps_args: words.length > 0 ? words.join(" ") : undefined,
    });
    out(layOut([Titles, ...Processes]));
  },
});
