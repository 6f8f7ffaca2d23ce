/** `docker build` without BuildKit, and its cache (Docker API, "Build an image", "Delete builder cache"). */
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { BuildMessage } from "../../build/types.ts";
import { invalid, messageOf } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { type BuildQuery, MANY, ONCE, readBuildRequest } from "../build-request.ts";
import { parseFilters } from "../filters.ts";
import { flag, wholeNumber } from "../query.ts";
import { minorOf } from "../request.ts";
import { type Query, query } from "../schema.ts";
import { type StreamingAnswer, startStreaming } from "../streaming.ts";

const PRUNE_FILTERS: ReadonlySet<string> = new Set([
  "until",
  "id",
  "parent",
  "type",
  "description",
  "inuse",
  "shared",
  "private",
  "unused-for",
  // Docker takes these and looks no further: nothing in the cache has labels.
  "label",
  "label!",
]);
const AMOUNTS = ["keep-storage", "reserved-space", "max-used-space", "min-free-space"] as const;

const line = (message: object): string => `${JSON.stringify(message)}\r\n`;

/** How a build's failure is told once the answer has begun (Docker's JSONMessage). */
function failureLine(thrown: unknown): string {
  const message = messageOf(thrown);
  const code = thrown instanceof Error && "exitCode" in thrown ? thrown.exitCode : undefined;
  return line({ errorDetail: { ...(typeof code === "number" && { code }), message }, error: message });
}

/** The body is the context as it comes. */
export function buildRoutes(app: FastifyInstance, { engine, closing }: Context): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  app.post<{ Querystring: BuildQuery; Body: unknown }>(
    "/build",
    { schema: { querystring: query(ONCE, MANY) } },
    async (request, reply) => {
      const minor = minorOf(request);
      const header = request.headers["x-registry-config"];
      const body = request.body instanceof Readable ? request.body : undefined;
      const asked = readBuildRequest(
        request.query,
        typeof header === "string" ? header : undefined,
        body,
        minor,
      );
      const quiet = flag(request.query.q);
      const gone = new AbortController();
      const left = () => gone.abort();
      const { socket } = request.raw; // the request lets go of it when its body is given up
      socket.once("close", left);
      // Until the first line goes out, a failure has a status of its own.
      let answer: StreamingAnswer | undefined;
      const begin = () => {
        answer ??= startStreaming(request, reply, "application/json", closing);
        answer.gone.addEventListener("abort", left, { once: true });
        return answer;
      };
      const heard: string[] = [];
      const onMessage = (message: BuildMessage) => {
        if ("aux" in message && minor < 30) return undefined;
        if (!quiet) return begin().write(line(message));
        heard.push(line(message));
        return undefined;
      };
      try {
        const id = await engine.builder.build(asked, { onMessage, signal: gone.signal });
        begin().end(quiet ? line({ stream: `${id}\n` }) : undefined);
      } catch (thrown) {
        if (!answer && heard.length === 0) throw thrown;
        begin().end(heard.join("") + failureLine(thrown));
      } finally {
        socket.removeListener("close", left);
      }
      return reply;
    },
  );

  app.post<{ Querystring: Query<"all" | "filters" | (typeof AMOUNTS)[number]> }>(
    "/build/prune",
    { schema: { querystring: query(["all", "filters", ...AMOUNTS]) } },
    async (request) => {
      parseFilters(request.query.filters, PRUNE_FILTERS);
      for (const name of AMOUNTS) wholeNumber(name, request.query[name]);
      const { deleted, reclaimed } = await engine.builder.prune({ all: flag(request.query.all) });
      return { CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimed };
    },
  );

  app.post<{ Querystring: Query<"id"> }>(
    "/build/cancel",
    { schema: { querystring: query(["id"]) } },
    async (request, reply) => {
      if (!request.query.id) throw invalid("build ID not provided");
      // Of BuildKit's builds alone; the others end with their client's connection.
      return reply.type("application/json").send();
    },
  );
}
