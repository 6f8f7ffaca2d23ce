import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/types.ts";
import type { Image, UsedBy } from "../../image/types.ts";
import { invalid, notFound } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { type Filters, matchesLabel, parseFilters } from "../filters.ts";
import { flag } from "../query.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { imageHistory, imageInspect, imageSummary, removedImage } from "../shapes/image.ts";
import { matchesReference } from "../shapes/reference-pattern.ts";

const FILTERS: ReadonlySet<string> = new Set(["before", "dangling", "label", "reference", "since", "until"]);

interface ByName {
  readonly name: string;
}

const byName = { params: path("name") };

/** @throws not-found */
function findImage({ images }: Engine, name: string): Image {
  const image = images.find(name);
  if (!image) throw notFound(`No such image: ${name}`);
  return image;
}

export function imageRoutes(app: FastifyInstance, { engine }: Context): void {
  app.get<{ Querystring: Query<"all" | "filters" | "digests" | "shared-size" | "manifests" | "filter"> }>(
    "/images/json",
    { schema: { querystring: query(["all", "filters", "digests", "shared-size", "manifests", "filter"]) } },
    async (request) => {
      const filters = parseFilters(request.query.filters, FILTERS);
      const { filter } = request.query; // the way before 1.25
      return selectImages(engine, filters)
        .filter((image) => !filter || image.tags.some((tag) => matchesReference(filter, tag)))
        .map((image) => imageSummary(image, minorOf(request)));
    },
  );

  app.get<{ Params: ByName }>("/images/:name/json", { schema: byName }, async (request) => {
    const image = findImage(engine, request.params.name);
    return imageInspect(image, (await engine.system()).storageDriver, minorOf(request));
  });

  app.get<{ Params: ByName }>("/images/:name/history", { schema: byName }, async (request) =>
    imageHistory(findImage(engine, request.params.name)),
  );

  app.post<{ Params: ByName; Querystring: Query<"repo" | "tag"> }>(
    "/images/:name/tag",
    { schema: { ...byName, querystring: query(["repo", "tag"]) } },
    async (request, reply) => {
      const { repo, tag } = request.query;
      if (!repo) throw invalid("give repo: the name to tag the image with");
      const image = findImage(engine, request.params.name);
      await engine.images.tag(image.id, tag ? `${repo}:${tag}` : repo);
      return reply.code(201).send();
    },
  );

  app.delete<{ Params: ByName; Querystring: Query<"force" | "noprune"> }>(
    "/images/:name",
    { schema: { ...byName, querystring: query(["force", "noprune"]) } },
    async (request) => {
      const removed = await engine.images.remove(request.params.name, {
        force: flag(request.query.force),
        usedBy: usedBy(engine),
      });
      return removed.map(removedImage);
    },
  );
}

/** Asked at the moment of removal, so that a container made meanwhile counts. */
const usedBy =
  ({ containers }: Engine): UsedBy =>
  (image) =>
    containers
      .list()
      .filter(({ container }) => container.image === image)
      .map(({ container }) => ({
        id: container.id,
        running: container.state.status === "running" || container.state.status === "paused",
      }));

/** Newest first. @throws not-found for `before` and `since` */
function selectImages(engine: Engine, filters: Filters): Image[] {
  const dangling = filters.boolean("dangling");
  const times = (name: string) =>
    filters.of(name).map((value) => Date.parse(findImage(engine, value).created));
  const [before, since] = [times("before"), times("since")];
  const until = filters.of("until").map(untilTime);
  return engine.images
    .list()
    .filter((image) => {
      const created = Date.parse(image.created);
      return (
        filters.some("reference", (value) => image.tags.some((tag) => matchesReference(value, tag))) &&
        filters.every("label", (value) => matchesLabel(image.config.Labels, value)) &&
        (dangling === undefined || dangling === (image.tags.length === 0)) &&
        [...before, ...until].every((time) => created < time) &&
        since.every((time) => created > time)
      );
    })
    .sort((a, b) => Date.parse(b.created) - Date.parse(a.created));
}

/** Seconds since 1970, or a time as RFC 3339 has it; milliseconds since 1970. @throws invalid */
function untilTime(text: string): number {
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(time)) throw invalid(`invalid filter 'until=${text}'`);
  return time;
}
