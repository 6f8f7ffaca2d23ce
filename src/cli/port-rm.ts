import { containerPath } from "./container-path.ts";
import { parsePortSpecs } from "./port-spec.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "CONTAINER SPEC [SPEC...]",
  about:
    "Close published ports of a running container; a SPEC without a host port closes all that lead there",
  flags: [],
  least: 2,
  most: Number.POSITIVE_INFINITY,
  async run({ client }, [container = "", ...specs]) {
    const path = `/drawbridge${containerPath(container, "ports")}`;
    await client.remove(path, {}, { PortBindings: parsePortSpecs(specs) });
  },
});
