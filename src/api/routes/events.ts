import type { FastifyInstance } from "fastify";
import type { EngineEvent } from "../../lib/events.ts";
import type { Context } from "../app.ts";
import { type Filters, matchesLabel, parseFilters } from "../filters.ts";
import { timestamp } from "../query.ts";
import { type Query, query } from "../schema.ts";
import { eventLine } from "../shapes/event.ts";
import { familiar } from "../shapes/image.ts";
import { gather, startStreaming } from "../streaming.ts";

const FILTERS: ReadonlySet<string> = new Set([
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
]);

/** Events that wait for a client who reads slowly; one further behind is let go. */
const BACKLOG = 65_536;
/** setTimeout's own limit, milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

export function eventRoutes(app: FastifyInstance, context: Context): void {
  const { events } = context.engine;

  app.get<{ Querystring: Query<"since" | "until" | "filters"> }>(
    "/events",
    { schema: { querystring: query(["since", "until", "filters"]) } },
    async (request, reply) => {
      const since = timestamp("since", request.query.since);
      const until = timestamp("until", request.query.until);
      const filters = parseFilters(request.query.filters, FILTERS);
      const passes = (event: EngineEvent) =>
        (until === undefined || event.time <= until) && passesFilters(event, filters);

      const waiting: EngineEvent[] = [];
      let wake = () => {};
      let over = false;
      const stop = () => {
        over = true;
        wake();
      };
      // Past and present are read in one go, so none is lost or told twice in between.
      if (since !== undefined) waiting.push(...events.past(since).filter(passes));
      const unsubscribe = events.subscribe((event) => {
        if (!passes(event)) return;
        waiting.push(event);
        if (waiting.length > BACKLOG) {
          context.logger.warn({ waiting: waiting.length }, "a client reads events too slowly: let go");
          stop();
          answer.cut();
        }
        wake();
      });
      const answer = startStreaming(request, reply, "application/json", context.closing);
      answer.gone.addEventListener("abort", stop);
      if (answer.gone.aborted) stop();
      const left = until === undefined ? undefined : Number(until / 1_000_000n) - Date.now();
      const timer =
        left === undefined ? undefined : setTimeout(stop, Math.min(Math.max(0, left), LONGEST_TIMER));
      try {
        for (;;) {
          const batch = waiting.splice(0);
          if (answer.gone.aborted || (over && batch.length === 0)) break;
          for (const event of batch) {
            gather(answer.response);
            await answer.write(eventLine(event));
          }
          if (!over && waiting.length === 0) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        unsubscribe();
        clearTimeout(timer);
        answer.end();
      }
    },
  );
}

function passesFilters(event: EngineEvent, filters: Filters): boolean {
  const { type, action, actor } = event;
  const isNamed = (value: string) =>
    actor.id === value || actor.attributes.name === value || (value.length > 0 && actor.id.startsWith(value));
  const ofKind = (kind: EngineEvent["type"]) =>
    filters.some(kind, (value) => type === kind && isNamed(value));
  return (
    filters.some("type", (value) => value === type) &&
    // `exec_create` stands for `exec_create: sh -c …`, too.
    filters.some("event", (value) => action === value || action.startsWith(`${value}:`)) &&
    filters.every("label", (value) => matchesLabel(actor.attributes, value)) &&
    filters.some("scope", (value) => value === "local") &&
    ofKind("container") &&
    ofKind("network") &&
    ofKind("volume") &&
    ofKind("daemon") &&
    filters.some("image", (value) => isOfImage(event, value)) &&
    // Kinds of things that a node outside a swarm, without plugins, does not have.
    ["config", "node", "plugin", "secret", "service"].every((kind) => !filters.has(kind))
  );
}

/** Events of the image itself, and of containers made from it. */
function isOfImage({ type, actor }: EngineEvent, wanted: string): boolean {
  const name = type === "image" ? (actor.attributes.name ?? "") : (actor.attributes.image ?? "");
  if (type !== "image" && type !== "container") return false;
  return actor.id === wanted || name === wanted || (name !== "" && familiar(name) === familiar(wanted));
}
