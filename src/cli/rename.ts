import { containerPath } from "./container-path.ts";
import { ExitError } from "./errors.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "CONTAINER NEW_NAME",
  about: "Rename a container",
  flags: [],
  least: 2,
  most: 2,
  async run({ client }, [container = "", name = ""]) {
    if (!container.trim() || !name.trim()) {
      throw new ExitError(1, "Error: Neither old nor new names may be empty");
    }
    await client.post(containerPath(container, "rename"), { name });
  },
});
