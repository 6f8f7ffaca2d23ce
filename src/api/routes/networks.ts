import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/types.ts";
import { notFound } from "../../lib/errors.ts";
import type { Network } from "../../network/types.ts";
import type { Context } from "../app.ts";
import { type Filters, invalidFilter, matchesLabel, parseFilters } from "../filters.ts";
import { networkReference } from "../references.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { networkInspect, networkSummary } from "../shapes/network.ts";

const FILTERS: ReadonlySet<string> = new Set(["dangling", "driver", "id", "label", "name", "scope", "type"]);
const BUILT_IN = new Set(["bridge", "host", "none"]);

export function networkRoutes(app: FastifyInstance, { engine }: Context): void {
  app.get<{ Querystring: Query<"filters"> }>(
    "/networks",
    { schema: { querystring: query(["filters"]) } },
    async (request) => {
      const filters = parseFilters(request.query.filters, FILTERS);
      return selectNetworks(engine, filters).map((network) => networkSummary(network, minorOf(request)));
    },
  );

  app.get<{ Params: { readonly id: string }; Querystring: Query<"verbose" | "scope"> }>(
    "/networks/:id",
    { schema: { params: path("id"), querystring: query(["verbose", "scope"]) } },
    async (request) => {
      const network = engine.networks.find(networkReference(request.params.id));
      if (request.query.scope && request.query.scope !== "local") {
        throw notFound(`network ${request.params.id} not found`);
      }
      return networkInspect(network, engine.networks.endpointsOf(network.id), minorOf(request));
    },
  );
}

/** Names and ids pass by a part of them, as with dockerd. @throws invalid */
function selectNetworks({ networks }: Engine, filters: Filters): Network[] {
  const dangling = filters.boolean("dangling");
  for (const type of filters.of("type")) {
    if (type !== "builtin" && type !== "custom") throw invalidFilter("type", filters.of("type"));
  }
  const kind = (network: Network) => (BUILT_IN.has(network.name) ? "builtin" : "custom");
  return networks
    .list()
    .filter(
      (network) =>
        filters.some("driver", (value) => value === network.driver) &&
        filters.some("name", (value) => network.name.includes(value)) &&
        filters.some("id", (value) => network.id.startsWith(value)) &&
        filters.some("scope", (value) => value === "local") &&
        filters.some("type", (value) => value === kind(network)) &&
        filters.every("label", (value) => matchesLabel(network.labels, value)) &&
        (dangling === undefined ||
          dangling === (kind(network) === "custom" && networks.endpointsOf(network.id).length === 0)),
    );
}
