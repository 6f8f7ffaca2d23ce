import { containerPath } from "./container-path.ts";
import { hostPort, publishedLines, sortedLines } from "./published.ts";
import { verb } from "./verb.ts";
import type { ContainerInspect, PortMap } from "./wire.ts";

/** What leads to one port of the container. @throws in Docker's words where nothing does */
function frontendsOf(ports: PortMap, wanted: string, container: string): string {
  const [port = "", protocol] = wanted.split("/");
  if (!/^\d{1,5}$/.test(port) || Number(port) > 0xffff) {
    throw new Error(
      `Error: invalid port (${port}): strconv.ParseUint: parsing ${JSON.stringify(port)}: invalid syntax`,
    );
  }
  const frontends = ports[`${port}/${protocol || "tcp"}`] ?? [];
  if (frontends.length === 0) throw new Error(`Error: No public port '${wanted}' published for ${container}`);
  return sortedLines(frontends.map(hostPort));
}

export default verb({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  about: "List port mappings or a specific mapping for the container",
  flags: [],
  least: 1,
  most: 2,
  async run({ client, out }, [container = "", wanted = ""]) {
    const { NetworkSettings } = await client.get<ContainerInspect>(containerPath(container, "json"));
    const ports = NetworkSettings?.Ports ?? {};
    out(wanted === "" ? publishedLines(ports) : frontendsOf(ports, wanted, container));
  },
});
