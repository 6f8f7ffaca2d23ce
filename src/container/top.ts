/** `docker top`: ps(1) on the host, of the container's processes alone. */
import { conflict, internal } from "../lib/errors.ts";
import { readProcesses } from "../linux/cgroup/read.ts";
import type { Entry } from "./entry.ts";
import type { Context } from "./options.ts";
import { requireProgram } from "./process/programs.ts";
import { cgroupOf } from "./stats.ts";

export interface Top {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

/** @throws conflict where it does not run; internal with what ps says, in Docker's words */
export async function top(context: Context, entry: Entry, words: readonly string[]): Promise<Top> {
  const { id, state } = entry.container;
  checkColumns(words);
  if (state.status === "restarting") {
    throw conflict(`Container ${id} is restarting, wait until the container is running`);
  }
  const location = entry.active ? cgroupOf(entry) : undefined;
  if (!location) throw conflict(`container ${id} is not running`);
  const processes = readProcesses(location);
  const told = parseTop(await ps(context, words.length > 0 ? words : ["-ef"], processes), new Set(processes));
  context.tell(entry.container, "top");
  return told;
}

/** `-o foo=PID` would call another column by the name that processes are told by. @throws internal */
function checkColumns(words: readonly string[]): void {
  for (const [, column, title] of words.join(" ").matchAll(/\s+(\S*)=\s*(PID\S*)/g)) {
    if (column !== "pid") throw internal(`specifying "${column}=${title}" is not allowed`);
  }
}

/** Some of its ways of choosing processes don't go with a list of them: then it tells of all. @throws internal */
async function ps({ run }: Context, words: readonly string[], processes: readonly number[]): Promise<string> {
  const program = requireProgram("ps");
  const chosen = await run(program, [...words, `-q${processes.join(",")}`]);
  if (chosen.code === 0) return chosen.stdout;
  const all = await run(program, words);
  if (all.code === 0) return all.stdout;
  // The first line of what it complains of tells why it failed.
  throw internal(`ps: ${all.stderr.split("\n")[0] || `it ended with ${all.code}`}`);
}

/** ASCII white space alone: a command's own words may have others. */
const fieldsOf = (line: string): readonly string[] => line.split(/[\t\n\f\r ]+/).filter(Boolean);

/**
 * What ps printed, as a table: the last column takes all that is left of a line. Lines without a pid (threads, `m`) go
 * with the process above them.
 * @throws internal where there is no column PID, in Docker's words
 */
export function parseTop(text: string, processes: ReadonlySet<number>): Top {
  const [header = "", ...lines] = text.split("\n");
  const titles = fieldsOf(header);
  const column = titles.indexOf("PID");
  if (column < 0) throw internal("Couldn't find PID field in ps output");
  const last = titles.length - 1;
  const rows: (readonly string[])[] = [];
  let inside = false;
  for (const line of lines) {
    const fields = fieldsOf(line);
    const pid = fields[column];
    if (pid === undefined) continue;
    if (pid !== "-") {
      if (!/^\d+$/.test(pid)) throw internal(`Unexpected pid '${pid}': not a number`);
      inside = processes.has(Number(pid));
    }
    if (inside) rows.push([...fields.slice(0, last), fields.slice(last).join(" ")]);
  }
  return { titles, processes: rows };
}
