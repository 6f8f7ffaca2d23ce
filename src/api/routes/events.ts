import type { FastifyInstance } from "fastify";
import { invalid } from "../../lib/errors.ts";
import type { EngineEvent } from "../../lib/events.ts";
import { familiar, parseReference } from "../../lib/reference.ts";
import type { Context } from "../app.ts";
import { type Filters, matchesLabel, parseFilters } from "../filters.ts";
import { timestamp } from "../query.ts";
import { minorOf } from "../request.ts";
import { type Query, query } from "../schema.ts";
import { eventLine } from "../shapes/event.ts";
import { gather, startStreaming } from "../streaming.ts";

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
      if (since !== undefined && until !== undefined && until < since) {
        throw invalid(
          `\`since\` time (${request.query.since}) cannot be after \`until\` time (${request.query.until})`,
        );
      }
      const filters = parseFilters(request.query.filters);
      // Told since 1.46 (moby, api/server/router/system).
      const minor = minorOf(request);
      const known = ({ type, action }: EngineEvent) => minor >= 46 || type !== "image" || action !== "create";
      const passes = (event: EngineEvent) =>
        (until === undefined || event.time <= until) && known(event) && passesFilters(event, filters);

      const waiting: EngineEvent[] = [];
      let wake = () => {};
      let over = false;
      const stop = () => {
        over = true;
        wake();
      };
      // Past and present are read in one go, so none is lost or told twice in between.
      // Who names an end alone is told what is kept as well, as by dockerd.
      if (since !== undefined || until !== undefined) {
        waiting.push(...events.past(since ?? 0n).filter(passes));
      }
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

/** Names of filters that are found in an event's actor, whatever its type (moby, daemon/events/filter.go). */
const OF_ACTORS = [
  "daemon",
  "container",
  "plugin",
  "volume",
  "network",
  "node",
  "service",
  "secret",
  "config",
] as const;
/** What follows these in an action, `exec_create: sh`, need not be named. */
const WITH_DETAIL = ["health_status", "exec_create", "exec_start"];

/** A filter of a name that means nothing holds for every event, as with Docker. */
function passesFilters(event: EngineEvent, filters: Filters): boolean {
  const { type, action, actor } = event;
  const { id, attributes } = actor;
  const loosely = filters.of("event").some((value) => WITH_DETAIL.includes(value));
  return (
    filters.some("type", (value) => value === type) &&
    filters.some("event", (value) => value === action || (loosely && action.startsWith(value))) &&
    filters.every("label", (value) => matchesLabel(attributes, value)) &&
    filters.some("scope", (value) => value === "local") &&
    OF_ACTORS.every((name) =>
      filters.some(name, (value) => id.startsWith(value) || attributes.name?.startsWith(value) === true),
    ) &&
    filters.some("image", (value) => imageNames(event).includes(value))
  );
}

/** The image of an event, or of the container that it is about: as it is named, and without its tag. */
function imageNames({ type, actor: { id, attributes } }: EngineEvent): readonly string[] {
  const name = (type === "image" ? attributes.name : attributes.image) ?? "";
  return [id, name, withoutTag(id), withoutTag(name)];
}

function withoutTag(name: string): string {
  try {
    const { domain, path } = parseReference(name);
    return familiar({ domain, path });
  } catch {
    return name; // no image's name: then nothing of it is a tag
  }
}
