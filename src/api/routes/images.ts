import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/types.ts";
import type { Image, UsedBy } from "../../image/types.ts";
import { conflict, invalid, notFound } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { parseFilters } from "../filters.ts";
import { LIST_FILTERS, PRUNE_FILTERS, prunableImages, selectImages } from "../image-filters.ts";
import { decodePlatform, mustBeFor } from "../platform.ts";
import { flag } from "../query.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { imageHistory, imageInspect, imageSummary, removedImage, sharedSizes } from "../shapes/image.ts";
import { withTag } from "./registry.ts";

const LIST_QUERY = ["all", "filters", "digests", "shared-size", "manifests", "filter"] as const;

interface ByName {
  readonly name: string;
}

const byName = { params: path("name") };

/** @throws not-found */
function findImage({ images }: Engine, name: string, platform?: string): Image {
  const image = images.find(name);
  if (!image) throw notFound(`No such image: ${shown(name)}`);
  if (platform) mustBeFor(decodePlatform(platform), image, name);
  return image;
}

/** A name that has none with the tag that it means. */
const shown = (name: string): string =>
  /^(sha256:)?[0-9a-f]{64}$/.test(name) || /[:@][^/]*$/.test(name) ? name : `${name}:latest`;

export function imageRoutes(app: FastifyInstance, { engine }: Context): void {
  app.get<{ Querystring: Query<(typeof LIST_QUERY)[number]> }>(
    "/images/json",
    { schema: { querystring: query(LIST_QUERY) } },
    async (request) => {
      const minor = minorOf(request);
      const given = request.query;
      const asked = parseFilters(given.filters, LIST_FILTERS);
      const filters = given.filter && minor < 41 ? asked.with("reference", given.filter) : asked;
      const images = engine.images.list();
      const shared = minor >= 42 && flag(given["shared-size"]) ? sharedSizes(images) : undefined;
      const find = (name: string) => findImage(engine, name);
      const selected = selectImages(images, { filters, all: flag(given.all), now: Date.now(), find });
      return selected.map((image) => imageSummary(image, minor, shared ? { sharedSize: shared(image) } : {}));
    },
  );

  app.get<{ Params: ByName; Querystring: Query<"manifests" | "platform"> }>(
    "/images/:name/json",
    { schema: { ...byName, querystring: query(["manifests", "platform"]) } },
    async (request) => {
      const minor = minorOf(request);
      const { manifests } = request.query;
      const platform = minor >= 49 ? request.query.platform : undefined;
      if (platform && minor >= 48 && flag(manifests)) {
        throw invalid("conflicting options: manifests and platform options cannot both be set");
      }
      const image = findImage(engine, request.params.name, platform);
      return imageInspect(image, engine.images.driverOf(image.id), minor);
    },
  );

  app.get<{ Params: ByName; Querystring: Query<"platform"> }>(
    "/images/:name/history",
    { schema: { ...byName, querystring: query(["platform"]) } },
    async (request) => {
      const platform = minorOf(request) >= 48 ? request.query.platform : undefined;
      const image = findImage(engine, request.params.name, platform);
      return imageHistory(image, (id) => engine.images.find(id));
    },
  );

  app.post<{ Params: ByName; Querystring: Query<"repo" | "tag"> }>(
    "/images/:name/tag",
    { schema: { ...byName, querystring: query(["repo", "tag"]) } },
    async (request, reply) => {
      const { repo, tag } = request.query;
      if (!repo) throw invalid("give repo: the name to tag the image with");
      if (repo === "sha256") {
        throw invalid("refusing to create an ambiguous tag using digest algorithm as name");
      }
      const image = findImage(engine, request.params.name);
      await engine.images.tag(image.id, withTag(repo, tag));
      return reply.code(201).send();
    },
  );

  app.delete<{
    Params: ByName;
    Querystring: Query<"force" | "noprune"> & { readonly platforms?: string | readonly string[] };
  }>(
    "/images/:name",
    { schema: { ...byName, querystring: query(["force", "noprune"], ["platforms"]) } },
    async (request) => {
      const { name } = request.params;
      const { force, noprune, platforms = [] } = request.query;
      if (name.trim() === "") throw invalid("image name cannot be blank");
      const [platform, ...more] = minorOf(request) >= 50 ? [platforms].flat() : [];
      if (more.length > 0) throw invalid("multiple platforms are not supported");
      if (platform) findImage(engine, name, platform);
      const removed = await engine.images.remove(name, {
        force: flag(force),
        noprune: flag(noprune),
        usedBy: usedBy(engine),
      });
      return removed.map(removedImage);
    },
  );

  let pruning = false;
  app.post<{ Querystring: Query<"filters"> }>(
    "/images/prune",
    { schema: { querystring: query(["filters"]) } },
    async (request) => {
      const filters = parseFilters(request.query.filters, PRUNE_FILTERS);
      const candidates = prunableImages(engine.images.list(), filters, Date.now());
      if (pruning) throw conflict("a prune operation is already running");
      pruning = true;
      try {
        const ids = candidates.map(({ id }) => id);
        const { removed, reclaimed } = await engine.images.prune(ids, usedBy(engine));
        return {
          ImagesDeleted: removed.length > 0 ? removed.map(removedImage) : null,
          SpaceReclaimed: reclaimed,
        };
      } finally {
        pruning = false;
      }
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
      .map(({ container }) => ({ id: container.id, running: RUNNING.has(container.state.status) }));

/** Docker counts as running what has a process, and what is about to have one again. */
const RUNNING: ReadonlySet<string> = new Set(["running", "paused", "restarting"]);
