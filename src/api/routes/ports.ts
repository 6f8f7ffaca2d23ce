/** Published ports of containers that run: routes of this engine's own, under `/drawbridge`. */
import type { FastifyInstance } from "fastify";
import { invalid } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { type PortMapBody, portMapOf, portMapSchema } from "../port-map.ts";
import { containerReference } from "../references.ts";
import { object, path } from "../schema.ts";
import { portMap } from "../shapes/ports.ts";

interface PortsBody {
  readonly PortBindings?: PortMapBody | null;
}

/**
 *     POST   /drawbridge/containers/{id}/ports   publish these, at once and for the container's next starts
 *     DELETE /drawbridge/containers/{id}/ports   close these, and what connections go through them
 *
 * The body is `{"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}}`, Docker's PortMap as
 * "Create a container" takes it. To publish, an empty HostPort asks for any free one; to close, it (or an empty list)
 * means all that leads to the container's port. Answered with 200 and what is published then, as inspect shows it:
 * `{"Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}}`. All is done or nothing: 400 for ports
 * that are none, 404 for a container or a published port that isn't there, 409 where the container does not run
 * or a host port is taken.
 */
export function portRoutes(app: FastifyInstance, { engine: { containers } }: Context): void {
  for (const [method, verb] of [
    ["POST", "publish"],
    ["DELETE", "unpublish"],
  ] as const) {
    app.route<{ Params: { readonly id: string }; Body: PortsBody | null }>({
      method,
      url: "/drawbridge/containers/:id/ports",
      schema: { params: path("id"), body: object({ PortBindings: portMapSchema }) },
      handler: async (request) => {
        const reference = containerReference(request.params.id);
        const ports = portMapOf(request.body?.PortBindings ?? {});
        if (Object.keys(ports).length === 0) throw invalid("no port specified: give PortBindings");
        await containers[verb](reference, ports);
        return { Ports: portMap(containers.inspect(reference)) };
      },
    });
  }
}
