/** Clients at a container's own streams (Docker API, "Attach to a container"), and its log. */
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../../lib/detach-keys.ts";
import { conflict, notBuiltIn } from "../../lib/errors.ts";
import type { Entry } from "../entry.ts";
import { type LogAttributes, logAttributesOf } from "../logs/attributes.ts";
import type { Context } from "../options.ts";
import { logPathOf } from "../paths.ts";
import type { LogEntry, LogOptions, OutputFrame } from "../process/monitor-types.ts";
import type { Session, SessionOptions } from "../types.ts";
import { StreamSession } from "./session.ts";

/**
 * To a container that does not run, the session waits for its next start: `docker run` attaches first.
 * @throws conflict where it is paused or between two runs; invalid detach keys
 */
export function attach(context: Context, entry: Entry, options: SessionOptions): Session {
  const { container } = entry;
  const { status } = container.state;
  if (status === "paused") {
    throw conflict(`container ${container.id} is paused, unpause the container before attach`);
  }
  if (status === "restarting") {
    throw conflict(`container ${container.id} is restarting, wait until the container is running`);
  }
  const { stdin, stdout, stderr } = options;
  const session = new StreamSession({
    attach: { stdin: stdin && container.config.OpenStdin, stdout, stderr },
    terminal: container.config.Tty,
    detachKeys: options.detachKeys === undefined ? DEFAULT_DETACH_KEYS : parseDetachKeys(options.detachKeys),
    ...(options.logs && { before: written(logs(context, entry, { follow: false, stdout, stderr })) }),
    onDetach: () => context.tell(container, "detach"),
    onEnd: () => entry.arrivals.delete(session),
  });
  if (!options.stream) session.abandon();
  else if (entry.run && entry.active) session.bind(entry.run.supervised);
  else entry.arrivals.add(session);
  context.tell(container, "attach");
  return session;
}

async function* written(entries: AsyncIterable<LogEntry>): AsyncGenerator<OutputFrame> {
  for await (const { stream, data } of entries) yield { stream, data };
}

/** No generator: `return` must end the reading at once, even while it waits. */
const withAttributes = (
  entries: AsyncIterable<LogEntry>,
  attributes: LogAttributes,
): AsyncIterable<LogEntry> => ({
  [Symbol.asyncIterator]() {
    const iterator = entries[Symbol.asyncIterator]();
    return {
      async next() {
        const result = await iterator.next();
        return result.done ? result : { done: false, value: { ...result.value, attributes } };
      },
      return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    };
  },
});

/** With `follow`, until the present run ends. @throws not-built-in where nothing is logged, in Docker's words */
export function logs(context: Context, entry: Entry, options: LogOptions): AsyncIterable<LogEntry> {
  const { id, hostConfig } = entry.container;
  if (hostConfig.LogConfig.Type === "none") {
    throw notBuiltIn("configured logging driver does not support reading");
  }
  const ended = entry.active ? entry.run?.supervised.exited : undefined;
  const entries = context.readLog(
    logPathOf(context, id),
    { ...options, follow: options.follow && ended !== undefined },
    ended ?? Promise.resolve(),
  );
  const attributes = logAttributesOf(entry.container);
  return Object.keys(attributes).length > 0 ? withAttributes(entries, attributes) : entries;
}
