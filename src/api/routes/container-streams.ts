/** Routes that carry a container's output: wait, logs, attach; and the terminal's size. */
import type { FastifyInstance } from "fastify";
import type { LogEntry } from "../../container/process/monitor-types.ts";
import type { Session, WaitCondition } from "../../container/types.ts";
import { conflict, invalid, messageOf } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { carry } from "../carry.ts";
import { acceptConnection, acceptWebSocket, connectionOf, websocketKey } from "../hijack.ts";
import { MULTIPLEXED_STREAM, RAW_STREAM } from "../media-types.ts";
import { flag, timestamp, wholeNumber } from "../query.ts";
import { containerReference } from "../references.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { frameHeader } from "../stdcopy.ts";
import { gather, startStreaming } from "../streaming.ts";
import type { Minor } from "../version.ts";

interface ById {
  readonly id: string;
}

const byId = { params: path("id") };
const ATTACH_QUERY = ["detachKeys", "logs", "stream", "stdin", "stdout", "stderr"] as const;
const CONDITIONS: ReadonlySet<string> = new Set(["not-running", "next-exit", "removed"]);

/** From 1.42 on the media type tells whether a stream is in frames. */
export const streamType = (terminal: boolean, minor: Minor): string =>
  !terminal && minor >= 42 ? MULTIPLEXED_STREAM : RAW_STREAM;

/** Rows and columns out of a query. @throws invalid */
export function terminalSize(given: Query<"h" | "w">): { readonly columns: number; readonly rows: number } {
  const size = (name: string, text: string | undefined): number => {
    const number = wholeNumber(`resize ${name}`, text);
    if (number === undefined || number < 0 || number > 0xffff) {
      throw invalid(`invalid resize ${name} ${JSON.stringify(text ?? "")}`);
    }
    return number;
  };
  return { rows: size("height", given.h), columns: size("width", given.w) };
}

export function containerStreamRoutes(app: FastifyInstance, context: Context): void {
  const { containers } = context.engine;

  app.post<{ Params: ById; Querystring: Query<"condition"> }>(
    "/containers/:id/wait",
    { schema: { ...byId, querystring: query(["condition"]) } },
    async (request, reply) => {
      const condition = request.query.condition || "not-running";
      if (!CONDITIONS.has(condition)) throw invalid(`invalid condition: ${JSON.stringify(condition)}`);
      const waiting = containers.wait(containerReference(request.params.id), condition as WaitCondition);
      // `docker run` starts the container once it has seen this answer's head.
      const answer = startStreaming(request, reply, "application/json", context.closing);
      const cancel = () => {
        waiting.cancel();
        answer.cut();
      };
      if (answer.gone.aborted) return cancel();
      answer.gone.addEventListener("abort", cancel);
      try {
        const { code, error } = await waiting.status;
        answer.gone.removeEventListener("abort", cancel);
        answer.end(
          JSON.stringify({ StatusCode: code, ...(error !== undefined && { Error: { Message: error } }) }),
        );
      } catch (thrown) {
        if (!answer.gone.aborted) {
          context.logger.error({ error: messageOf(thrown), container: request.params.id }, "wait failed");
          answer.cut();
        }
      }
    },
  );

  type LogsQuery = Query<
    "follow" | "stdout" | "stderr" | "since" | "until" | "timestamps" | "tail" | "details"
  >;
  app.get<{ Params: ById; Querystring: LogsQuery }>(
    "/containers/:id/logs",
    {
      schema: {
        ...byId,
        querystring: query(["follow", "stdout", "stderr", "since", "until", "timestamps", "tail", "details"]),
      },
    },
    async (request, reply) => {
      const given = request.query;
      const [stdout, stderr] = [flag(given.stdout), flag(given.stderr)];
      if (!stdout && !stderr) throw invalid("Bad parameters: you must choose at least one stream");
      const reference = containerReference(request.params.id);
      const { container } = containers.inspect(reference);
      const [since, until] = [timestamp("since", given.since), timestamp("until", given.until)];
      const tail = tailOf(given.tail);
      const follow = flag(given.follow);
      const stop = new AbortController();
      const entries = containers
        .logs(container.id, {
          follow,
          stdout,
          stderr,
          ...(tail !== undefined && { tail }),
          ...(since !== undefined && { since }),
          ...(until && { until }), // 0 is how clients say none,
          signal: stop.signal,
        })
        [Symbol.asyncIterator]();
      // What can't be read is refused with a status; one who follows gets the head before there is a first line.
      const first = follow ? undefined : await entries.next();
      const { Tty: terminal } = container.config;
      const type = streamType(terminal, minorOf(request));
      const answer = startStreaming(request, reply, type, context.closing);
      const gone = new Promise<IteratorResult<LogEntry>>((resolve) => {
        const end = () => {
          stop.abort();
          resolve({ done: true, value: undefined });
        };
        if (answer.gone.aborted) end();
        else answer.gone.addEventListener("abort", end, { once: true });
      });
      const format = { framed: !terminal, timestamps: flag(given.timestamps), details: flag(given.details) };
      try {
        const read = () => Promise.race([entries.next(), gone]);
        for (let next = first ?? (await read()); !next.done; next = await read()) {
          gather(answer.response);
          await answer.write(logPiece(next.value, format));
        }
        answer.end();
      } catch (thrown) {
        if (!answer.gone.aborted) {
          context.logger.error({ error: messageOf(thrown), container: container.id }, "logs failed");
        }
        answer.cut();
      }
    },
  );

  const attachSchema = { schema: { ...byId, querystring: query(ATTACH_QUERY) } };
  const attach = (id: string, given: Query<(typeof ATTACH_QUERY)[number]>): Promise<Session> => {
    const reference = containerReference(id);
    const { status } = containers.inspect(reference).container.state;
    if (status === "paused")
      throw conflict(`container ${reference} is paused, unpause the container before attach`);
    if (status === "restarting") {
      throw conflict(`container ${reference} is restarting, wait until the container is running`);
    }
    return containers.attach(reference, {
      stdin: flag(given.stdin),
      stdout: flag(given.stdout),
      stderr: flag(given.stderr),
      logs: flag(given.logs),
      stream: flag(given.stream),
      ...(given.detachKeys !== undefined && { detachKeys: given.detachKeys }),
    });
  };

  app.post<{ Params: ById; Querystring: Query<(typeof ATTACH_QUERY)[number]> }>(
    "/containers/:id/attach",
    attachSchema,
    async (request, reply) => {
      const connection = connectionOf(request);
      const session = await attach(request.params.id, request.query);
      acceptConnection(request, reply, streamType(session.terminal, minorOf(request)));
      await carry(connection, session, { stdin: flag(request.query.stdin) });
    },
  );

  // Raw output, terminal or not: a websocket has no room for Docker's frames.
  app.get<{ Params: ById; Querystring: Query<(typeof ATTACH_QUERY)[number]> }>(
    "/containers/:id/attach/ws",
    { ...attachSchema, exposeHeadRoute: false },
    async (request, reply) => {
      containers.inspect(containerReference(request.params.id));
      websocketKey(request);
      const session = await attach(request.params.id, request.query);
      const connection = acceptWebSocket(request, reply, { binary: minorOf(request) >= 28 });
      await carry(connection, session, { stdin: flag(request.query.stdin), raw: true });
    },
  );

  app.post<{ Params: ById; Querystring: Query<"h" | "w"> }>(
    "/containers/:id/resize",
    { schema: { ...byId, querystring: query(["h", "w"]) } },
    async (request, reply) => {
      await containers.resize(containerReference(request.params.id), terminalSize(request.query));
      return reply.code(200).send();
    },
  );
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
