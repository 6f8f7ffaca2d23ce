/** What Docker's API has and this engine has not, each with one sentence for whoever asks. */
import type { FastifyInstance, HTTPMethods } from "fastify";
import { notBuiltIn, notFound, unavailable } from "../../lib/errors.ts";

export const NO_SWARM =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
const NOT_IN_SWARM = "This node is not part of a swarm";
const BUILDKIT =
  "BuildKit is not built in: set DOCKER_BUILDKIT=0, or use a builder of its own: docker buildx create --use";

type Refusal = readonly [methods: readonly HTTPMethods[], url: string, sentence: string];

const NOT_BUILT_IN: readonly Refusal[] = [
  [["POST"], "/session", BUILDKIT],
  [["POST"], "/grpc", BUILDKIT],
  [["GET"], "/images/search", "searching registries is not built in: look on the registry's own site"],
  [["GET", "POST"], "/containers/:id/checkpoints", "checkpoints are not built in"],
  [["POST"], "/plugins/create", "plugins are not built in"],
  [["POST"], "/plugins/pull", "plugins are not built in"],
  [["GET"], "/plugins/privileges", "plugins are not built in"],
];

/** What of Docker's a route is instead: told by docs/compatibility.md. */
export interface Absence {
  readonly absent: { readonly status: 404 | 501 | 503; readonly sentence: string };
}

const SWARM = ["swarm", "nodes", "services", "tasks", "secrets", "configs"];
const METHODS = ["GET", "POST", "DELETE"] as const;

export function absentRoutes(app: FastifyInstance): void {
  for (const [methods, url, sentence] of NOT_BUILT_IN) {
    const config: Absence = { absent: { status: 501, sentence } };
    app.route({
      method: [...methods],
      url,
      config,
      handler: async () => {
        throw notBuiltIn(sentence);
      },
    });
  }
  for (const resource of SWARM) {
    for (const url of [`/${resource}`, `/${resource}/*`]) {
      const config: Absence = { absent: { status: 503, sentence: NO_SWARM } };
      app.route({
        method: [...METHODS],
        url,
        config,
        handler: async () => {
          throw unavailable(NO_SWARM);
        },
      });
    }
  }
  app.route({
    method: "POST",
    url: "/swarm/leave",
    config: { absent: { status: 503, sentence: NOT_IN_SWARM } } satisfies Absence,
    handler: async () => {
      throw unavailable(NOT_IN_SWARM);
    },
  });
  // There are no plugins: none is listed, and none is found.
  app.get("/plugins", async () => []);
  const config: Absence = { absent: { status: 404, sentence: "there are no plugins" } };
  app.route<{ Params: { readonly "*": string } }>({
    method: [...METHODS],
    url: "/plugins/*",
    config,
    handler: async ({ params }) => {
      throw notFound(`plugin "${params["*"].replace(PLUGIN_ACTION, "")}" not found`);
    },
  });
}

const PLUGIN_ACTION = /\/(json|enable|disable|upgrade|push|set)$/;
