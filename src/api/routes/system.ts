import type { FastifyInstance } from "fastify";
import type { CacheUsage } from "../../build/types.ts";
import type { Engine } from "../../engine/types.ts";
import { invalid } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { minorOf } from "../request.ts";
import { type Query, query } from "../schema.ts";
import { containerSummary } from "../shapes/container.ts";
import { imageSummary, sharedSizes } from "../shapes/image.ts";
import { networkIdsOf } from "../shapes/network.ts";
import { type Counts, systemInfo, systemVersion } from "../shapes/system.ts";
import { NEVER } from "../shapes/time.ts";
import { volumesUsage } from "../shapes/volume.ts";
import type { Minor } from "../version.ts";

/** What `docker system df` tells of. */
const DISK_USERS: ReadonlySet<string> = new Set(["container", "image", "volume", "build-cache"]);

export function systemRoutes(app: FastifyInstance, { engine }: Context): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/_ping",
    handler: async (request, reply) => {
      reply.headers({
        "Cache-Control": "no-cache, no-store, must-revalidate",
        Pragma: "no-cache",
        "Builder-Version": "1", // not BuildKit
        Swarm: "inactive",
      });
      reply.type("text/plain; charset=utf-8");
      return reply.send(request.method === "HEAD" ? "" : "OK");
    },
  });

  app.get("/version", async () => systemVersion(await engine.system()));

  app.get("/info", async (request) =>
    systemInfo(
      await engine.system(),
      engine.networks.warnings(),
      count(engine),
      new Date(),
      minorOf(request),
    ),
  );

  app.get<{ Querystring: Query<"verbose"> & { readonly type?: string | readonly string[] } }>(
    "/system/df",
    { schema: { querystring: query(["verbose"], ["type"]) } },
    async (request) => {
      const minor = minorOf(request);
      const types = minor < 42 ? [] : [request.query.type ?? []].flat();
      const unknown = types.find((type) => !DISK_USERS.has(type));
      if (unknown !== undefined) throw invalid(`unknown object type: ${unknown}`);
      return diskUsage(engine, minor, types);
    },
  );
}

function count({ containers, images }: Engine): Counts {
  const views = containers.list();
  const of = (...wanted: string[]) =>
    views.filter(({ container }) => wanted.includes(container.state.status)).length;
  const [running, paused] = [of("running", "restarting"), of("paused")];
  return { running, paused, stopped: views.length - running - paused, images: images.list().length };
}

/** `types`: of which kinds; empty for all. */
async function diskUsage(engine: Engine, minor: Minor, types: readonly string[]) {
  const wants = (type: string) => types.length === 0 || types.includes(type);
  const images = engine.images.list();
  const shared = sharedSizes(images);
  const views = engine.containers.list();
  const users = (id: string) => views.filter(({ container }) => container.image === id).length;
  const layers = new Map(images.flatMap((image) => image.layers.map((layer) => [layer.diffId, layer.size])));
  const given = { minor, networkIdOf: networkIdsOf(engine.networks), now: Date.now() };
  const containers = () =>
    Promise.all(
      views.map(async (view) =>
        containerSummary(view, given, await engine.containers.sizes(view.container.id)),
      ),
    );
  return {
    LayersSize: wants("image") ? [...layers.values()].reduce((sum, size) => sum + size, 0) : 0,
    Images: wants("image")
      ? images.map((image) =>
          imageSummary(image, minor, { containers: users(image.id), sharedSize: shared(image) }),
        )
      : null,
    Containers: wants("container") ? await containers() : null,
    Volumes: wants("volume") ? await volumesUsage(engine) : null,
    BuildCache: wants("build-cache") ? buildCache(await engine.builder.usage()) : null,
  };
}

/** It is the builder's own store, of one piece: pruned whole. */
function buildCache({ bytes, createdAt }: CacheUsage) {
  if (bytes === 0) return [];
  const record = {
    ID: "builder",
    Parents: null,
    Type: "regular",
    Description: "layers of builds, and of the images that they began with",
    InUse: false,
    Shared: false,
    Size: bytes,
    CreatedAt: createdAt?.toISOString() ?? NEVER,
    LastUsedAt: null,
    UsageCount: 0,
  };
  return [record];
}
