/** Networks and containers for tests of faults. */
import type { PortMap } from "../../src/container/types.ts";
import type { ContainerID } from "../../src/lib/ids.ts";
import type { EngineHere } from "./engine-here.ts";
import { sh } from "./engine-here.ts";

/** Networks `a` (IPv4), `b` (both), `inside` (internal) and `wire` (macvlan). */
export async function makeNetworks({ engine }: EngineHere): Promise<void> {
  const { networks } = engine;
  await sh("ip link add uplink type veth peer name far && ip link set uplink up && ip link set far up");
  await networks.create({ name: "a", ipam: { config: [{ subnet: "10.4.0.0/24" }] } });
  await networks.create({
    name: "b",
    ipv6: true,
    ipam: { config: [{ subnet: "10.5.0.0/24" }, { subnet: "fd00:5::/64" }] },
  });
  await networks.create({ name: "inside", internal: true });
  await networks.create({
    name: "wire",
    driver: "macvlan",
    options: { parent: "uplink" },
    ipam: { config: [{ subnet: "10.6.0.0/24" }] },
  });
}

export const PORTS: PortMap = { "80/tcp": [{ HostPort: "8080" }], "53/udp": [{ HostPort: "5353" }] };

/** @returns its id */
export async function createContainer(
  { engine }: EngineHere,
  networks: readonly [string, ...string[]],
  PortBindings: PortMap = {},
): Promise<ContainerID> {
  const { id } = await engine.containers.create({
    config: { Image: "busybox", Cmd: ["sleep", "1000"], StopTimeout: 0 },
    hostConfig: { NetworkMode: networks[0], PortBindings },
    endpoints: Object.fromEntries(networks.map((network) => [network, {}])),
  });
  return id as ContainerID;
}
