import type { FastifyInstance } from "fastify";
import { conflict, invalid, notFound } from "../../lib/errors.ts";
import { tryParseGoBoolean, whyNoGoBoolean } from "../../lib/go-boolean.ts";
import type { Context } from "../app.ts";
import { endpointSettings } from "../endpoint-settings.ts";
import { parseFilters } from "../filters.ts";
import { NETWORK_FILTERS, prunableNetwork, selectNetworks } from "../network-filters.ts";
import {
  type ConnectBody,
  connectSchema,
  type DisconnectBody,
  disconnectSchema,
  type NetworkBody,
  namedContainer,
  networkRequest,
  networkSchema,
} from "../network-request.ts";
import { PRUNE_FILTERS } from "../prune-filters.ts";
import { containerReference, networkReference } from "../references.ts";
import { minorOf } from "../request.ts";
import { path, type Query, query } from "../schema.ts";
import { networkInspect, networkSummary } from "../shapes/network.ts";

interface ById {
  readonly id: string;
}

const byId = { params: path("id") };

export function networkRoutes(app: FastifyInstance, { engine }: Context): void {
  const { networks, containers } = engine;

  // Docker's clients have asked with the slash, too.
  for (const url of ["/networks", "/networks/"]) {
    app.get<{ Querystring: Query<"filters"> }>(
      url,
      { schema: { querystring: query(["filters"]) } },
      async (request) => {
        const filters = parseFilters(request.query.filters, NETWORK_FILTERS);
        const minor = minorOf(request);
        return selectNetworks(networks, filters).map((network) =>
          // Before 1.28 the list told of containers, too.
          minor < 28
            ? networkInspect(network, networks.endpointsOf(network.id), minor)
            : networkSummary(network, minor),
        );
      },
    );
  }

  app.get<{ Params: ById; Querystring: Query<"verbose" | "scope"> }>(
    "/networks/:id",
    { schema: { ...byId, querystring: query(["verbose", "scope"]) } },
    async (request) => {
      const { verbose, scope } = request.query;
      // What it would add are the services of a swarm, of which no local network has any.
      if (verbose && tryParseGoBoolean(verbose) === undefined) {
        throw invalid(`invalid value for verbose: ${verbose}: ${whyNoGoBoolean(verbose)}`);
      }
      const network = networks.find(networkReference(request.params.id));
      if (scope && scope !== "local") throw notFound(`network ${request.params.id} not found`);
      return networkInspect(network, networks.endpointsOf(network.id), minorOf(request));
    },
  );

  app.post<{ Body: NetworkBody | null }>(
    "/networks/create",
    { schema: { body: networkSchema } },
    async (request, reply) => {
      const { network, warning } = await networks.create(networkRequest(request.body, minorOf(request)));
      reply.code(201);
      return { Id: network.id, Warning: warning };
    },
  );

  app.post<{ Params: ById; Body: ConnectBody | null }>(
    "/networks/:id/connect",
    { schema: { ...byId, body: connectSchema } },
    async (request, reply) => {
      const container = containerReference(namedContainer(request.body));
      const settings = endpointSettings(request.body?.EndpointConfig, minorOf(request));
      await containers.connect(container, networkReference(request.params.id), settings);
      return reply.code(200).send();
    },
  );

  app.post<{ Params: ById; Body: DisconnectBody | null }>(
    "/networks/:id/disconnect",
    { schema: { ...byId, body: disconnectSchema } },
    async (request, reply) => {
      const container = containerReference(namedContainer(request.body));
      await containers.disconnect(container, networkReference(request.params.id), {
        force: request.body?.Force ?? false,
      });
      return reply.code(200).send();
    },
  );

  app.delete<{ Params: ById }>("/networks/:id", { schema: byId }, async (request, reply) => {
    await networks.remove(networkReference(request.params.id));
    return reply.code(204).send();
  });

  let pruning = false;
  app.post<{ Querystring: Query<"filters"> }>(
    "/networks/prune",
    { schema: { querystring: query(["filters"]) } },
    async (request) => {
      const select = prunableNetwork(parseFilters(request.query.filters, PRUNE_FILTERS), Date.now());
      if (pruning) throw conflict("a prune operation is already running");
      pruning = true;
      try {
        const names = (await networks.prune(select)).map(({ name }) => name);
        return { NetworksDeleted: names.length > 0 ? names : null };
      } finally {
        pruning = false;
      }
    },
  );
}
