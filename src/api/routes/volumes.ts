import type { FastifyInstance } from "fastify";
import { conflict, unavailable } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { parseFilters } from "../filters.ts";
import { flag } from "../query.ts";
import { minorOf } from "../request.ts";
import { anything, map, object, path, type Query, query, text, withoutNulls } from "../schema.ts";
import { volumeShape } from "../shapes/volume.ts";
import { PRUNE_FILTERS, prunableVolume, selectVolumes, VOLUME_FILTERS } from "../volume-filters.ts";
import { type Absence, NO_SWARM } from "./absent.ts";

interface ByName {
  readonly name: string;
}

interface CreateBody {
  readonly Name?: string | null;
  readonly Driver?: string | null;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly ClusterVolumeSpec?: unknown;
}

const NO_CLUSTER = "volume update only valid for cluster volumes, but swarm is unavailable";

const byName = { params: path("name") };

const createSchema = object({
  Name: text,
  Driver: text,
  DriverOpts: map({ type: "string" }),
  Labels: map({ type: "string" }),
  ClusterVolumeSpec: anything,
});

export function volumeRoutes(app: FastifyInstance, { engine }: Context): void {
  const { volumes, containers, events } = engine;
  const usedBy = (name: string) => containers.usersOf(name);

  app.get<{ Querystring: Query<"filters"> }>(
    "/volumes",
    { schema: { querystring: query(["filters"]) } },
    async (request) => {
      const filters = parseFilters(request.query.filters, VOLUME_FILTERS);
      const shown = selectVolumes(volumes.list(), usedBy, filters);
      return { Volumes: shown.map((volume) => volumeShape(volume)), Warnings: null };
    },
  );

  app.get<{ Params: ByName }>("/volumes/:name", { schema: byName }, async (request) =>
    volumeShape(volumes.get(request.params.name)),
  );

  app.post<{ Body: CreateBody | null }>(
    "/volumes/create",
    { schema: { body: createSchema } },
    async (request, reply) => {
      const { Name, Driver, DriverOpts, Labels, ClusterVolumeSpec } = withoutNulls(request.body);
      if (ClusterVolumeSpec !== undefined && minorOf(request) >= 42) {
        throw unavailable(NO_SWARM);
      }
      const volume = await volumes.create({
        ...(Name && { name: Name }),
        ...(Driver && { driver: Driver }),
        ...(DriverOpts && { options: DriverOpts }),
        ...(Labels && { labels: Labels }),
      });
      reply.code(201);
      return volumeShape(volume);
    },
  );

  const absence: Absence = { absent: { status: 503, sentence: NO_CLUSTER } };
  app.put<{ Params: ByName }>("/volumes/:name", { schema: byName, config: absence }, async () => {
    throw unavailable(NO_CLUSTER);
  });

  app.delete<{ Params: ByName; Querystring: Query<"force"> }>(
    "/volumes/:name",
    { schema: { ...byName, querystring: query(["force"]) } },
    async (request, reply) => {
      await volumes.remove(request.params.name, { force: flag(request.query.force), usedBy });
      return reply.code(204).send();
    },
  );

  let pruning = false;
  app.post<{ Querystring: Query<"filters"> }>(
    "/volumes/prune",
    { schema: { querystring: query(["filters"]) } },
    async (request) => {
      if (pruning) throw conflict("a prune operation is already running");
      const filters = parseFilters(request.query.filters, PRUNE_FILTERS);
      const passes = prunableVolume(filters, minorOf(request));
      pruning = true;
      try {
        const unused = volumes.list().filter((volume) => passes(volume) && usedBy(volume.name).length === 0);
        const { deleted, reclaimed } = await volumes.prune(unused, usedBy);
        const attributes = { reclaimed: String(reclaimed) };
        events.publish({ type: "volume", action: "prune", actor: { id: "", attributes } });
        return { VolumesDeleted: deleted, SpaceReclaimed: reclaimed };
      } finally {
        pruning = false;
      }
    },
  );
}
