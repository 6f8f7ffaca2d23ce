import { containerPath } from "./container-path.ts";
import { parsePortSpecs } from "./port-spec.ts";
import { publishedLines } from "./published.ts";
import { verb } from "./verb.ts";
import type { PortMap } from "./wire.ts";

export default verb({
  usage: "CONTAINER SPEC [SPEC...]",
  about: "Publish more ports of a running container, each written as for run --publish",
  flags: [],
  least: 2,
  most: Number.POSITIVE_INFINITY,
  async run({ client, out }, [container = "", ...specs]) {
    const PortBindings = parsePortSpecs(specs);
    const path = `/drawbridge${containerPath(container, "ports")}`;
    const { Ports } = await client.post<{ Ports: PortMap }>(path, {}, { PortBindings });
    out(publishedLines(Ports, Object.keys(PortBindings)));
  },
});
