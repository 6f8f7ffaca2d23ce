/** What a container may use, and what it uses: update, stats, top (Engine API, Container). */
import type { FastifyInstance } from "fastify";
import type { Container, StatsSample } from "../../container/types.ts";
import { invalid } from "../../lib/errors.ts";
import { exactJson } from "../../lib/exact-json.ts";
import type { Context } from "../app.ts";
import { flag } from "../query.ts";
import { containerReference } from "../references.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { statsResponse } from "../shapes/stats.ts";
import { type Frame, StatsFeed } from "../stats-feed.ts";
import { startStreaming } from "../streaming.ts";
import { type UpdateBody, updateRequest, updateSchema } from "../update-request.ts";

interface ById {
  readonly id: string;
}

export function containerResourceRoutes(app: FastifyInstance, { engine, closing }: Context): void {
  const { containers } = engine;
  const feed = new StatsFeed((id) => containers.stats(id));

  app.post<{ Params: ById; Body: UpdateBody | null }>(
    "/containers/:id/update",
    { schema: { params: path("id"), body: updateSchema } },
    async (request) => {
      const asked = updateRequest(request.body, minorOf(request));
      const warnings = await containers.update(containerReference(request.params.id), asked.request);
      const all = [...warnings, ...asked.warnings];
      return { Warnings: all.length > 0 ? all : null };
    },
  );

  app.get<{ Params: ById; Querystring: Query<"ps_args"> }>(
    "/containers/:id/top",
    { schema: { params: path("id"), querystring: query(["ps_args"]) } },
    async (request) => {
      const words = (request.query.ps_args ?? "").split(" ").filter(Boolean);
      const { titles, processes } = await containers.top(containerReference(request.params.id), words);
      return { Processes: processes, Titles: titles };
    },
  );

  app.get<{ Params: ById; Querystring: Query<"stream" | "one-shot"> }>(
    "/containers/:id/stats",
    { schema: { params: path("id"), querystring: query(["stream", "one-shot"]) } },
    async (request, reply) => {
      const stream = request.query.stream === undefined || flag(request.query.stream);
      const oneShot = minorOf(request) >= 41 && flag(request.query["one-shot"]);
      const { container } = containers.inspect(containerReference(request.params.id));
      if (stream && oneShot) throw invalid("cannot have stream=true and one-shot=true");
      if (!stream) {
        const answer =
          oneShot || !isRunning(container)
            ? statsResponse(container, await containers.stats(container.id), undefined)
            : await twoFrames(feed, container);
        return reply.type("application/json").send(`${exactJson(answer)}\n`);
      }
      const streaming = startStreaming(request, reply, "application/json", closing);
      let before: StatsSample | undefined;
      let sending = false;
      const show = async (frame: Frame) => {
        const answer = statsResponse(container, frame.sample, before);
        before = frame.sample;
        sending = true;
        await streaming.write(`${exactJson(answer)}\n`);
        sending = false;
      };
      const leave = feed.subscribe(container.id, (frame) => {
        if (!frame) return streaming.end();
        // Who reads slowly misses some.
        if (!sending) void show(frame);
      });
      // Who has closed its half only may be there still: nothing but our end closes the connection.
      const end = () => {
        leave();
        streaming.end();
      };
      if (streaming.gone.aborted) end();
      else streaming.gone.addEventListener("abort", end, { once: true });
    },
  );
}

const isRunning = ({ state }: Container): boolean => state.status === "running" || state.status === "paused";

/** Its answer has a second's difference in it. */
async function twoFrames(feed: StatsFeed, container: Container) {
  const done = Promise.withResolvers<ReturnType<typeof statsResponse>>();
  let before: Frame | undefined;
  const leave = feed.subscribe(container.id, (frame) => {
    if (frame && !before) before = frame;
    else done.resolve(statsResponse(container, frame?.sample, before?.sample));
  });
  try {
    return await done.promise;
  } finally {
    leave();
  }
}
