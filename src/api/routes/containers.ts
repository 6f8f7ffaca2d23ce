import type { FastifyInstance } from "fastify";
import type { ContainerView } from "../../container/types.ts";
import { invalid, notBuiltIn } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { CONTAINER_FILTERS, selectContainers } from "../container-filters.ts";
import { type CreateBody, createRequest, createSchema } from "../create-request.ts";
import { parseFilters } from "../filters.ts";
import { flag, wholeNumber } from "../query.ts";
import { containerReference } from "../references.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { containerInspect, containerSummary, type Sizes } from "../shapes/container.ts";
import { networkIdsOf } from "../shapes/network.ts";

interface ById {
  readonly id: string;
}

const byId = { params: path("id") };

const START_BODY =
  "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24";

export function containerRoutes(app: FastifyInstance, { engine }: Context): void {
  const { containers } = engine;
  const sizesOf = (view: ContainerView, asked: string | undefined): Promise<Sizes> | undefined =>
    flag(asked) ? containers.sizes(view.container.id) : undefined;

  app.get<{ Querystring: Query<"all" | "limit" | "size" | "filters"> }>(
    "/containers/json",
    { schema: { querystring: query(["all", "limit", "size", "filters"]) } },
    async (request) => {
      const limit = wholeNumber("limit", request.query.limit);
      const views = selectContainers(engine, {
        all: flag(request.query.all),
        limit: limit !== undefined && limit > 0 ? limit : undefined,
        filters: parseFilters(request.query.filters, CONTAINER_FILTERS),
      });
      const given = { minor: minorOf(request), networkIdOf: networkIdsOf(engine.networks), now: Date.now() };
      if (!flag(request.query.size)) return views.map((view) => containerSummary(view, given));
      return Promise.all(
        views.map(async (view) => containerSummary(view, given, await sizesOf(view, request.query.size))),
      );
    },
  );

  app.post<{ Querystring: Query<"name" | "platform">; Body: CreateBody | null }>(
    "/containers/create",
    { schema: { querystring: query(["name", "platform"]), body: createSchema } },
    async (request, reply) => {
      const asked = createRequest(request.body, request.query, minorOf(request));
      const created = await containers.create(asked.request);
      reply.code(201);
      return { Id: created.id, Warnings: [...created.warnings, ...asked.warnings] };
    },
  );

  app.get<{ Params: ById; Querystring: Query<"size"> }>(
    "/containers/:id/json",
    { schema: { ...byId, querystring: query(["size"]) } },
    async (request) => {
      const view = containers.inspect(containerReference(request.params.id));
      const given = { minor: minorOf(request), networkIdOf: networkIdsOf(engine.networks), now: Date.now() };
      return containerInspect(view, given, await sizesOf(view, request.query.size));
    },
  );

  app.post<{ Params: ById; Querystring: Query<"checkpoint" | "detachKeys"> }>(
    "/containers/:id/start",
    { schema: { ...byId, querystring: query(["checkpoint", "detachKeys"]) } },
    async (request, reply) => {
      if (request.query.checkpoint) throw notBuiltIn("checkpoints are not built in");
      // A few bytes are let pass, `{}` and `null` among them, as Docker does.
      const length = Number(request.headers["content-length"] ?? 0);
      if (length > 7 || request.headers["transfer-encoding"] !== undefined) throw invalid(START_BODY);
      await containers.startContainer(containerReference(request.params.id));
      return reply.code(204).send();
    },
  );

  for (const verb of ["stop", "restart"] as const) {
    app.post<{ Params: ById; Querystring: Query<"t" | "signal"> }>(
      `/containers/:id/${verb}`,
      { schema: { ...byId, querystring: query(["t", "signal"]) } },
      async (request, reply) => {
        const timeout = wholeNumber("t", request.query.t);
        const { signal } = request.query;
        const options = { ...(timeout !== undefined && { timeout }), ...(signal && { signal }) };
        const reference = containerReference(request.params.id);
        await (verb === "stop"
          ? containers.stopContainer(reference, options)
          : containers.restart(reference, options));
        return reply.code(204).send();
      },
    );
  }

  app.post<{ Params: ById; Querystring: Query<"signal"> }>(
    "/containers/:id/kill",
    { schema: { ...byId, querystring: query(["signal"]) } },
    async (request, reply) => {
      await containers.kill(containerReference(request.params.id), request.query.signal || "SIGKILL");
      return reply.code(204).send();
    },
  );

  for (const verb of ["pause", "unpause"] as const) {
    app.post<{ Params: ById }>(`/containers/:id/${verb}`, { schema: byId }, async (request, reply) => {
      await containers[verb](containerReference(request.params.id));
      return reply.code(204).send();
    });
  }

  app.post<{ Params: ById; Querystring: Query<"name"> }>(
    "/containers/:id/rename",
    { schema: { ...byId, querystring: query(["name"]) } },
    async (request, reply) => {
      const name = (request.query.name ?? "").replace(/^\//, "");
      if (name === "") throw invalid("Neither old nor new names may be empty");
      await containers.rename(containerReference(request.params.id), name);
      return reply.code(204).send();
    },
  );

  app.delete<{ Params: ById; Querystring: Query<"force" | "v" | "link"> }>(
    "/containers/:id",
    { schema: { ...byId, querystring: query(["force", "v", "link"]) } },
    async (request, reply) => {
      if (flag(request.query.link)) {
        await containers.removeLink(request.params.id);
        return reply.code(204).send();
      }
      await containers.remove(containerReference(request.params.id), {
        force: flag(request.query.force),
        volumes: flag(request.query.v),
      });
      return reply.code(204).send();
    },
  );
}
