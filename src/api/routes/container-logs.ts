/** What a container wrote (Docker API, "Get container logs"). */
import type { FastifyInstance } from "fastify";
import type { LogEntry } from "../../container/process/monitor-types.ts";
import { invalid, messageOf } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { flag, timestamp } from "../query.ts";
import { containerReference } from "../references.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { frameHeader } from "../stdcopy.ts";
import { gather, type StreamingAnswer, startStreaming } from "../streaming.ts";
import { streamType } from "./container-streams.ts";

const LOGS_QUERY = ["follow", "stdout", "stderr", "since", "until", "timestamps", "tail", "details"] as const;
type LogsQuery = Query<(typeof LOGS_QUERY)[number]>;

export function containerLogRoutes(app: FastifyInstance, { engine, closing, logger }: Context): void {
  app.get<{ Params: { readonly id: string }; Querystring: LogsQuery }>(
    "/containers/:id/logs",
    { schema: { params: path("id"), querystring: query(LOGS_QUERY) } },
    async (request, reply) => {
      const { stdout, stderr } = request.query;
      if (!flag(stdout) && !flag(stderr)) {
        throw invalid("Bad parameters: you must choose at least one stream");
      }
      const { container } = engine.containers.inspect(containerReference(request.params.id));
      const options = logOptions(request.query);
      const stop = new AbortController();
      const entries = engine.containers
        .logs(container.id, { ...options, signal: stop.signal })
        [Symbol.asyncIterator]();
      // What can't be read is refused with a status; one who follows gets the head before there is a first line.
      const first = options.follow ? undefined : await entries.next();
      const framed = !container.config.Tty;
      const answer = startStreaming(request, reply, streamType(!framed, minorOf(request)), closing);
      const format = {
        framed,
        timestamps: flag(request.query.timestamps),
        details: flag(request.query.details),
      };
      try {
        await send(answer, entries, { first, format, stop });
      } catch (thrown) {
        if (!answer.gone.aborted) {
          logger.error({ error: messageOf(thrown), container: container.id }, "logs failed");
        }
        answer.cut();
      }
    },
  );
}

/** @throws invalid */
function logOptions(given: LogsQuery) {
  const [since, until] = [timestamp("since", given.since), timestamp("until", given.until)];
  const tail = tailOf(given.tail);
  return {
    follow: flag(given.follow),
    stdout: flag(given.stdout),
    stderr: flag(given.stderr),
    ...(tail !== undefined && { tail }),
    ...(since !== undefined && { since }),
    ...(until && { until }), // 0 is how clients say none
  };
}

interface Sending {
  /** What has been read already. */
  readonly first: IteratorResult<LogEntry> | undefined;
  readonly format: LogFormat;
  /** The reading. */
  readonly stop: AbortController;
}

/** Lines as they come, until the last, or until the client has gone. */
async function send(
  answer: StreamingAnswer,
  entries: AsyncIterator<LogEntry>,
  { first, format, stop }: Sending,
): Promise<void> {
  const gone = new Promise<IteratorResult<LogEntry>>((resolve) => {
    const end = () => {
      stop.abort();
      resolve({ done: true, value: undefined });
    };
    if (answer.gone.aborted) end();
    else answer.gone.addEventListener("abort", end, { once: true });
  });
  const read = () => Promise.race([entries.next(), gone]);
  for (let next = first ?? (await read()); !next.done; next = await read()) {
    gather(answer.response);
    await answer.write(logPiece(next.value, format));
  }
  answer.end();
}

/** The last so many lines; undefined for all, which is what Docker makes of any other word. */
function tailOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

interface LogFormat {
  readonly framed: boolean;
  readonly timestamps: boolean;
  readonly details: boolean;
}

/** `a=1,b=2`, in the order of names, as Go's url.QueryEscape writes them. */
function detailsOf(attributes: Readonly<Record<string, string>>): string {
  const names = Object.keys(attributes).toSorted();
  return names.map((name) => `${queryEscape(name)}=${queryEscape(attributes[name] ?? "")}`).join(",");
}

const queryEscape = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);

function logPiece(entry: LogEntry, format: LogFormat): Uint8Array {
  const details = format.details ? `${detailsOf(entry.attributes ?? {})} ` : "";
  const prefix = `${format.timestamps ? `${entry.time} ` : ""}${details}`;
  const data = prefix === "" ? entry.data : Buffer.concat([Buffer.from(prefix), entry.data]);
  return format.framed ? Buffer.concat([frameHeader(entry.stream, data.length), data]) : data;
}
