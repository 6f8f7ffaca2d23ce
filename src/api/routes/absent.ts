/** What Docker's API has and this engine has not, each with one sentence for whoever asks. */
import type { FastifyInstance, HTTPMethods } from "fastify";
import { notBuiltIn, notFound, unavailable } from "../../lib/errors.ts";

const NO_SWARM =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
const BUILDKIT =
  "BuildKit is not built in: set DOCKER_BUILDKIT=0, or use a builder of its own: docker buildx create --use";

type Refusal = readonly [methods: readonly HTTPMethods[], url: string, sentence: string];

const NOT_BUILT_IN: readonly Refusal[] = [
  [["POST"], "/session", BUILDKIT],
  [["POST"], "/grpc", BUILDKIT],
  [["GET"], "/images/search", "searching registries is not built in: look on the registry's own site"],
  [["GET"], "/images/get", "saving images is not built in"],
  [["GET"], "/images/:name/get", "saving images is not built in"],
  [["POST"], "/images/load", "loading images is not built in: docker import takes a root filesystem's tar"],
  [["POST"], "/images/prune", "pruning images is not built in: docker rmi removes them by name"],
  [["GET", "POST"], "/containers/:id/checkpoints", "checkpoints are not built in"],
  [["GET", "POST"], "/plugins/:name/:action", "plugins are not built in"],
  [["POST"], "/plugins/create", "plugins are not built in"],
  [["POST"], "/plugins/pull", "plugins are not built in"],
  [["GET"], "/plugins/privileges", "plugins are not built in"],
  [["DELETE"], "/plugins/:name", "plugins are not built in"],
];

const SWARM = ["swarm", "nodes", "services", "tasks", "secrets", "configs"];

export function absentRoutes(app: FastifyInstance): void {
  for (const [methods, url, sentence] of NOT_BUILT_IN) {
    app.route({
      method: [...methods],
      url,
      exposeHeadRoute: false,
      handler: async () => {
        throw notBuiltIn(sentence);
      },
    });
  }
  for (const resource of SWARM) {
    for (const url of [`/${resource}`, `/${resource}/*`]) {
      app.all(url, async () => {
        throw unavailable(NO_SWARM);
      });
    }
  }
  // Lists of what there is none of, and things by name that aren't there.
  app.get("/plugins", async () => []);
  app.get<{ Params: { readonly name: string } }>("/plugins/:name/json", async ({ params }) => {
    throw notFound(`plugin "${params.name}" not found`);
  });
}
