import { containerPath } from "./container-path.ts";
import type { Context } from "./context.ts";
import { parseMessage } from "./events.ts";
import { filtersParameter } from "./filters.ts";
import { lines } from "./lines.ts";
import { STATS_FIELDS, type StatsAnswer, type StatsRow, statsColumns } from "./stats-row.ts";
import { formatList } from "./table.ts";
import { flag, verb } from "./verb.ts";
import type { ContainerSummary } from "./wire.ts";

interface Options {
  readonly all: boolean;
  readonly format?: string;
  readonly noStream: boolean;
  readonly noTrunc: boolean;
}

/** Milliseconds between two pictures. */
const INTERVAL = 500;

/** What is shown, by container, as answers come; a stream that ended takes its line along. */
class Watch {
  readonly rows = new Map<string, StatsRow>();
  readonly #context: Context;
  readonly #failed: (thrown: unknown) => void;

  constructor(context: Context, failed: (thrown: unknown) => void) {
    this.#context = context;
    this.#failed = failed;
  }

  add(container: string): void {
    if (this.rows.has(container)) return;
    this.rows.set(container, { container, answer: undefined });
    this.#follow(container)
      .catch(this.#failed)
      .finally(() => this.rows.delete(container));
  }

  async #follow(container: string): Promise<void> {
    const stream = await this.#context.client.stream("GET", containerPath(container, "stats"), {
      query: { stream: "true" },
    });
    for await (const line of lines(stream)) {
      if (!this.rows.has(container)) return void stream.destroy();
      this.rows.set(container, { container, answer: JSON.parse(line) as StatsAnswer });
    }
  }
}

async function once({ client }: Context, containers: readonly string[]): Promise<readonly StatsRow[]> {
  return Promise.all(
    containers.map(async (container) => ({
      container,
      answer: await client.get<StatsAnswer>(containerPath(container, "stats"), { stream: "false" }),
    })),
  );
}

/** Those that start from now on are shown, and those that end no more. */
async function followEvents({ client }: Context, watch: Watch, all: boolean): Promise<void> {
  const stream = await client.stream("GET", "/events", {
    query: { filters: filtersParameter(["type=container"]) },
  });
  for await (const line of lines(stream)) {
    const { Action, Actor } = parseMessage(line);
    if (Action === "start" || (all && Action === "create")) watch.add(Actor.ID);
    else if (Action === "destroy" || (Action === "die" && !all)) watch.rows.delete(Actor.ID);
  }
}

export default verb<Options>({
  usage: "[OPTIONS] [CONTAINER...]",
  about: "Display a live stream of container(s) resource usage statistics",
  flags: [
    flag("-a, --all", "bool", "Show all containers (default shows just running)"),
    flag("--format", "string", "Format output: table, table TEMPLATE, json, or a Go template"),
    flag("--no-stream", "bool", "Disable streaming stats and only pull the first result"),
    flag("--no-trunc", "bool", "Do not truncate output"),
  ],
  least: 0,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { all, format = "", noStream, noTrunc }) {
    const present = async () =>
      (await context.client.get<readonly ContainerSummary[]>("/containers/json", { all })).map(
        ({ Id }) => Id,
      );
    const containers = words.length > 0 ? words : await present();
    const picture = (rows: readonly StatsRow[]) =>
      formatList(rows, statsColumns(noTrunc), { format, fallback: STATS_FIELDS });
    if (noStream) return void context.out(picture(await once(context, containers)));
    const failed = Promise.withResolvers<never>();
    const watch = new Watch(context, failed.reject);
    for (const container of containers) watch.add(container);
    if (words.length === 0) followEvents(context, watch, all).catch(failed.reject);
    const timer = setInterval(() => {
      if (words.length > 0 && watch.rows.size === 0) failed.reject(undefined);
      // From the upper left corner, over what was there.
      else context.out(`\u001b[2J\u001b[H${picture([...watch.rows.values()])}`);
    }, INTERVAL);
    try {
      await failed.promise;
    } catch (thrown) {
      if (thrown !== undefined) throw thrown;
    } finally {
      clearInterval(timer);
    }
  },
});
