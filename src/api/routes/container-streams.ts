/** Routes of a container that runs: wait, attach, and the terminal's size. */
import type { FastifyInstance } from "fastify";
import type { Containers, Session, WaitCondition } from "../../container/types.ts";
import { conflict, invalid, messageOf } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { carry } from "../carry.ts";
import { acceptConnection, acceptWebSocket, connectionOf, websocketKey } from "../hijack.ts";
import { MULTIPLEXED_STREAM, RAW_STREAM } from "../media-types.ts";
import { flag, wholeNumber } from "../query.ts";
import { containerReference } from "../references.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { startStreaming } from "../streaming.ts";
import type { Minor } from "../version.ts";

interface ById {
  readonly id: string;
}

const byId = { params: path("id") };
const ATTACH_QUERY = ["detachKeys", "logs", "stream", "stdin", "stdout", "stderr"] as const;
type AttachQuery = Query<(typeof ATTACH_QUERY)[number]>;
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

  const attachSchema = { schema: { ...byId, querystring: query(ATTACH_QUERY) } };
  app.post<{ Params: ById; Querystring: AttachQuery }>(
    "/containers/:id/attach",
    attachSchema,
    async (request, reply) => {
      const connection = connectionOf(request);
      const session = await attach(containers, request.params.id, request.query);
      acceptConnection(request, reply, streamType(session.terminal, minorOf(request)));
      await carry(connection, session, { stdin: flag(request.query.stdin) });
    },
  );

  // Raw output, terminal or not: a websocket has no room for Docker's frames.
  app.get<{ Params: ById; Querystring: AttachQuery }>(
    "/containers/:id/attach/ws",
    { ...attachSchema, exposeHeadRoute: false },
    async (request, reply) => {
      containers.inspect(containerReference(request.params.id));
      websocketKey(request);
      const session = await attach(containers, request.params.id, request.query);
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

/** @throws not-found, conflict */
async function attach(containers: Containers, id: string, given: AttachQuery): Promise<Session> {
  const reference = containerReference(id);
  const { status } = containers.inspect(reference).container.state;
  if (status === "paused") {
    throw conflict(`container ${reference} is paused, unpause the container before attach`);
  }
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
}
