import { networkPath } from "./network-path.ts";
import { flag, verb } from "./verb.ts";

export default verb<{ force: boolean }>({
  usage: "[OPTIONS] NETWORK CONTAINER",
  about: "Disconnect a container from a network",
  flags: [flag("-f, --force", "bool", "Force the container to disconnect from a network")],
  least: 2,
  most: 2,
  async run({ client }, [network = "", container = ""], { force }) {
    await client.post(networkPath(network, "disconnect"), {}, { Container: container, Force: force });
  },
});
