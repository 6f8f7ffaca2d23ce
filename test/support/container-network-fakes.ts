/** Networks for tests of containers: sandboxes with endpoints and ports, and nothing in the kernel. */
import { conflict, forbidden, notFound } from "../../src/lib/errors.ts";
import {
  type ContainerID,
  type EndpointID,
  type NetworkID,
  newId,
  type SandboxID,
} from "../../src/lib/ids.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { LinkTraffic } from "../../src/linux/kernel.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type {
  DriverName,
  Endpoint,
  EndpointRequest,
  Network,
  Networks,
  PortBinding,
  PublishRequest,
  Sandbox,
  SandboxRequest,
} from "../../src/network/types.ts";
import type { World } from "./container-fakes.ts";

type Used =
  | "check"
  | "checkConnect"
  | "closeSandbox"
  | "connect"
  | "disconnect"
  | "endpointsOf"
  | "find"
  | "list"
  | "openSandbox"
  | "publish"
  | "renameContainer"
  | "sandboxOf"
  | "trafficOf"
  | "unpublish"
  | "warnings";

const sameBinding = (request: PublishRequest) => (binding: PortBinding) =>
  binding.port === request.port &&
  binding.protocol === request.protocol &&
  (!request.hostPorts || request.hostPorts.first === binding.hostPort);

export class FakeNetworks implements Pick<Networks, Used> {
  readonly #world: World;
  readonly #networks: Network[] = [];
  readonly sandboxes = new Map<ContainerID, Sandbox>();
  readonly told: string[] = [];
  #hostPort = 32768;
  #addresses = 1;

  constructor(world: World) {
    this.#world = world;
    this.add("bridge");
    this.add("host", "host");
    this.add("none", "null");
  }

  add(name: string, driver: DriverName = "bridge"): Network {
    const network: Network = {
      id: newId<NetworkID>(),
      name,
      driver,
      created: "2026-01-01T00:00:00Z",
      internal: false,
      attachable: false,
      ipv4: true,
      ipv6: false,
      ipam: { driver: "default", options: {}, pools: [] },
      options: {},
      labels: {},
    };
    this.#networks.push(network);
    return network;
  }

  /** Gone, whoever refers to it. */
  forget({ id }: Network): void {
    this.#networks.splice(
      this.#networks.findIndex((each) => each.id === id),
      1,
    );
  }

  warnings = (): readonly string[] => this.told;
  list = (): readonly Network[] => this.#networks;

  find(reference: string): Network {
    const found = this.#networks.find(
      ({ id, name }) => name === reference || (reference.length > 5 && id.startsWith(reference)),
    );
    if (!found) throw notFound(`network ${reference} not found`);
    return found;
  }

  check(): void {
    this.#world.steps.push("check");
  }

  checkConnect(request: EndpointRequest, container: Parameters<Networks["checkConnect"]>[1]): Network {
    const network = this.find(request.network);
    if (container.networks.some((reference) => this.find(reference).id === network.id)) {
      throw forbidden(`endpoint with name ${container.name} already exists in network ${network.name}`);
    }
    return network;
  }

  async openSandbox(request: SandboxRequest): Promise<Sandbox> {
    await this.#world.step("openSandbox");
    this.#world.requests.push(request);
    const { container, mode } = request;
    const id = newId<SandboxID>();
    const wanted = mode.kind === "own" ? mode.endpoints : mode.kind === "host" ? [{ network: "host" }] : [];
    const sandbox: Sandbox = {
      id,
      container,
      key: `/run/drawbridge/netns/${id.slice(0, 12)}` as NetnsPath,
      mode: mode.kind === "container" ? "shared" : mode.kind,
      endpoints: wanted.map((one) => this.#endpoint(request, one)),
      ports: request.ports.map((port) => this.#binding(port)),
      exposed: request.exposed,
    };
    return this.#stand(sandbox);
  }

  async closeSandbox(container: ContainerID): Promise<void> {
    await this.#world.step("closeSandbox");
    this.sandboxes.delete(container);
    this.#world.held.delete(`sandbox ${container}`);
    this.#world.events.push({
      type: "network",
      action: "disconnect",
      actor: { id: "n", attributes: {} },
    });
  }

  sandboxOf = (container: ContainerID): Sandbox | undefined => this.sandboxes.get(container);

  trafficOf = async (): Promise<readonly LinkTraffic[]> => [];

  endpointsOf = (network: NetworkID): readonly Endpoint[] =>
    [...this.sandboxes.values()].flatMap(({ endpoints }) =>
      endpoints.filter((endpoint) => endpoint.network === network),
    );

  async connect(container: ContainerID, request: EndpointRequest): Promise<Sandbox> {
    await this.#world.step("connect");
    const sandbox = this.#open(container);
    const endpoint = this.#endpoint({ container, containerName: "" }, request);
    return this.#stand({ ...sandbox, endpoints: [...sandbox.endpoints, endpoint] });
  }

  async disconnect(container: ContainerID, network: NetworkID): Promise<Sandbox> {
    await this.#world.step("disconnect");
    const sandbox = this.#open(container);
    const endpoints = sandbox.endpoints.filter((endpoint) => endpoint.network !== network);
    if (endpoints.length === sandbox.endpoints.length) throw notFound("not connected");
    return this.#stand({ ...sandbox, endpoints });
  }

  async publish(container: ContainerID, ports: readonly PublishRequest[]): Promise<Sandbox> {
    await this.#world.step("publish");
    const sandbox = this.#open(container);
    return this.#stand({
      ...sandbox,
      ports: [...sandbox.ports, ...ports.map((port) => this.#binding(port))],
    });
  }

  async unpublish(container: ContainerID, ports: readonly PublishRequest[]): Promise<Sandbox> {
    await this.#world.step("unpublish");
    const sandbox = this.#open(container);
    const closed = ports.flatMap((request) => {
      const named = sandbox.ports.filter(sameBinding(request));
      if (named.length === 0) throw notFound("no public port");
      return named;
    });
    return this.#stand({ ...sandbox, ports: sandbox.ports.filter((port) => !closed.includes(port)) });
  }

  renameContainer = (): Promise<void> => this.#world.step("renameContainer");

  #open(container: ContainerID): Sandbox {
    const sandbox = this.sandboxes.get(container);
    if (!sandbox) throw conflict(`container ${container} is not running`);
    return sandbox;
  }

  #stand(sandbox: Sandbox): Sandbox {
    this.sandboxes.set(sandbox.container, sandbox);
    this.#world.held.add(`sandbox ${sandbox.container}`);
    return sandbox;
  }

  #binding({ protocol, port, hostAddress, hostPorts }: PublishRequest): PortBinding {
    const hostPort = hostPorts?.first ?? this.#hostPort++;
    return { protocol, port, hostAddress: hostAddress ?? parseAddress("0.0.0.0"), hostPort };
  }

  #endpoint(
    { container, containerName }: Pick<SandboxRequest, "container" | "containerName">,
    request: EndpointRequest,
  ): Endpoint {
    const network = this.find(request.network);
    this.#addresses += 1;
    return {
      id: newId<EndpointID>(),
      network: network.id,
      networkName: network.name,
      container,
      containerName,
      address: parsePrefix(`172.17.0.${this.#addresses}/16`),
      aliases: request.aliases ?? [],
      dnsNames: [],
      ...(request.links && { links: request.links }),
    };
  }
}
