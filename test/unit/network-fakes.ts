/** A kernel in memory that carries plans out on names alone, and can be told to fail. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { internal } from "../../src/lib/errors.ts";
import type { EngineEvent } from "../../src/lib/events.ts";
import type { ContainerID, EndpointID, SandboxID } from "../../src/lib/ids.ts";
import { type Address, formatAddress, formatPrefix, sameAddress } from "../../src/lib/ip.ts";
import type { Logger } from "../../src/lib/log.ts";
import type { ConnectionFilter, Kernel, Link, Route } from "../../src/linux/kernel.ts";
import type { Fact, Plan, Step } from "../../src/linux/plan.ts";
import { createNetworks } from "../../src/network/controller.ts";
import type { Dns, DnsEndpoint, DnsSandbox } from "../../src/network/dns/types.ts";
import type {
  HostPorts,
  PortBinding,
  PortLease,
  PortTarget,
  PublishRequest,
} from "../../src/network/port/types.ts";
import type { NetworkSettings } from "../../src/network/settings.ts";
import type { Networks, Sandbox, SandboxRequest } from "../../src/network/types.ts";
import type { Change, Store } from "../../src/store/kv.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { sandboxRequest, settings } from "../support/networks.ts";

export class FakeKernel implements Kernel {
  readonly applied: Plan[] = [];
  readonly rulesLoaded: string[] = [];
  readonly namespaces = new Set<string>();
  readonly elements = new Set<string>();
  sysctls: Record<string, string> = { "net.ipv4.ip_forward": "0" };
  hostLinks: Link[] = [];
  /** Fail at the first step of this kind. */
  failAt: Step["do"] | undefined;
  #lastIndex = 1;

  async apply(plan: Plan): Promise<readonly Fact[]> {
    this.applied.push(plan);
    const failing = plan.find((step) => step.do === this.failAt);
    if (failing) throw new Error(`${failing.do} failed`);
    return plan.map((step) => this.#do(step));
  }

  async dismantle(plan: Plan): Promise<void> {
    for (const step of plan) this.#do(step);
  }

  async deleteLinks(names: readonly string[]): Promise<void> {
    this.hostLinks = this.hostLinks.filter(({ name }) => !names.includes(name));
  }

  links = async () => this.hostLinks;
  traffic = async () => [];
  addresses = async () => [];
  /** Default routes of sandboxes, by namespace. */
  readonly #routes = new Map<string | undefined, readonly Route[]>();
  routes = async (netns?: string) => this.#routes.get(netns) ?? [];
  neighbours = async () => [];
  readonly forgotten: ConnectionFilter[] = [];
  async forgetConnections(filters: readonly ConnectionFilter[]): Promise<number> {
    this.forgotten.push(...filters);
    return 0;
  }
  readSysctl = async (key: string) => this.sysctls[key] ?? "";
  close = async () => {};

  async nft(commands: string): Promise<string> {
    this.rulesLoaded.push(commands);
    return "";
  }

  /** All that a sandbox could have left behind. */
  get leftovers(): string[] {
    const veths = this.hostLinks.filter(({ kind }) => kind === "veth").map(({ name }) => name);
    return [...veths, ...this.namespaces, ...this.elements];
  }

  #do(step: Step): Fact {
    switch (step.do) {
      case "add-bridge":
      case "add-veth": {
        this.#lastIndex += 2;
        const ifindex = this.#lastIndex;
        const kind = step.do === "add-bridge" ? "bridge" : "veth";
        const { name, mtu, mac } = step;
        const peer = ifindex - 1;
        this.hostLinks.push({
          ifindex,
          name,
          kind,
          mtu,
          up: true,
          loopback: false,
          peer,
          ...(mac && { mac }),
        });
        return step.do === "add-veth" ? { ifindex, peerIfindex: peer } : { ifindex };
      }
      case "add-route": {
        const { netns, to, via } = step;
        const standing = this.#routes.get(netns) ?? [];
        this.#routes.set(netns, [...standing, { to, ...(via && { via }), table: 254, type: 1 }]);
        return {};
      }
      case "delete-route": {
        const { netns, via } = step;
        const standing = this.#routes.get(netns) ?? [];
        this.#routes.set(
          netns,
          standing.filter((route) => !via || !route.via || !sameAddress(route.via, via)),
        );
        return {};
      }
      case "delete-link":
        this.hostLinks = this.hostLinks.filter(({ name }) => name !== step.name);
        return {};
      case "add-netns":
        this.namespaces.add(step.path);
        return {};
      case "remove-netns":
        this.namespaces.delete(step.path);
        return {};
      case "add-elements":
        for (const element of step.elements) this.elements.add(keyOf(element));
        return {};
      case "delete-elements":
        for (const element of step.elements) this.elements.delete(keyOf(element));
        return {};
      case "set-sysctl":
        if (step.netns === undefined) this.sysctls[step.key] = step.value;
        return {};
      default:
        return {};
    }
  }
}

const keyOf = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part));

/** Host ports of a machine on which nothing else listens. */
export class FakePorts implements HostPorts {
  readonly held = new Set<string>();
  readonly led = new Map<string, PortTarget | undefined>();
  /** Refuse whatever is asked for. */
  failing = false;

  async take(requests: readonly PublishRequest[], defaults: readonly Address[]): Promise<PortLease> {
    const bindings = requests.flatMap(({ hostAddress, hostPorts, protocol, port }): PortBinding[] => {
      const hostPort = hostPorts?.first ?? 32768 + this.held.size;
      const addresses = hostAddress ? [hostAddress] : defaults;
      return addresses.map((address) => ({ protocol, port, hostAddress: address, hostPort }));
    });
    const taken = this.failing || bindings.some((binding) => this.held.has(bindingText(binding)));
    if (taken) throw internal("Bind for 0.0.0.0:8080 failed: port is already allocated");
    return this.#lease(bindings);
  }

  retake = async (bindings: readonly PortBinding[]): Promise<PortLease> => this.#lease(bindings);

  screen(): void {}

  stop = async (): Promise<void> => {};

  #lease(bindings: readonly PortBinding[]): PortLease {
    for (const binding of bindings) this.held.add(bindingText(binding));
    return {
      bindings,
      warnings: [],
      lead: (target) => {
        for (const binding of bindings) this.led.set(bindingText(binding), target);
      },
      release: async (some = bindings) => {
        for (const binding of some) this.held.delete(bindingText(binding));
      },
    };
  }
}

/** `0.0.0.0:8080->80/tcp`, as people write it. */
export const bindingText = ({ hostAddress, hostPort, port, protocol }: PortBinding): string =>
  `${formatAddress(hostAddress)}:${hostPort}->${port}/${protocol}`;

/** A DNS that only remembers what it is told. */
export class FakeDns implements Dns {
  readonly sandboxes = new Map<SandboxID, DnsSandbox>();
  readonly endpoints = new Map<EndpointID, DnsEndpoint>();
  failing = false;

  prepare(): void {}

  async serve(sandbox: DnsSandbox): Promise<void> {
    if (this.failing) throw internal("no sockets left");
    this.sandboxes.set(sandbox.id, sandbox);
  }

  forget = async (sandbox: SandboxID): Promise<void> => void this.sandboxes.delete(sandbox);

  async announce(endpoints: readonly DnsEndpoint[]): Promise<void> {
    for (const endpoint of endpoints) this.endpoints.set(endpoint.id, endpoint);
  }

  async withdraw(endpoints: readonly EndpointID[]): Promise<void> {
    for (const id of endpoints) this.endpoints.delete(id);
  }

  stop = async (): Promise<void> => {};
}

/** A memory store that can be told to fail. */
export class FailingStore extends MemoryStore {
  failing = false;

  override async commit(changes: readonly Change[]): Promise<void> {
    if (this.failing) throw new Error("disk full");
    await super.commit(changes);
  }
}

/** A host on paper, with as many lives of its networks as a test wants. */
export class FakeHost implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "drawbridge-networks-"));
  readonly kernel = new FakeKernel();
  readonly ports = new FakePorts();
  readonly dns = new FakeDns();
  readonly events: Omit<EngineEvent, "time">[] = [];
  readonly warnings: string[] = [];
  readonly hostPaths = {
    hosts: join(this.directory, "host-hosts"),
    resolvConf: join(this.directory, "host-resolv.conf"),
    resolvedUpstreams: join(this.directory, "resolved.conf"),
  };
  readonly #started: Networks[] = [];

  constructor() {
    this.resolvers("nameserver 10.0.0.53\n");
  }

  /** The host's resolv.conf, replaced as a DHCP client does it. */
  resolvers(text: string): void {
    writeFileSync(this.hostPaths.resolvConf, text);
  }

  async start(
    store: Store,
    options: { settings?: NetworkSettings; alive?: ContainerID[] } = {},
  ): Promise<Networks> {
    const warn = (_: object, message: string) => void this.warnings.push(message);
    const logger: Logger = { debug: () => {}, info: () => {}, warn, error: warn };
    const networks = createNetworks({
      kernel: this.kernel,
      store,
      events: { publish: (event) => void this.events.push(event) },
      logger,
      execRoot: join(this.directory, "exec"),
      settings: options.settings ?? settings,
      ports: this.ports,
      dns: this.dns,
      hostPaths: this.hostPaths,
    });
    await networks.start(new Set(options.alive ?? []));
    this.#started.push(networks);
    return networks;
  }

  request(name: string, more: Partial<SandboxRequest> = {}): SandboxRequest {
    return sandboxRequest(this.directory, name, more);
  }

  [Symbol.dispose](): void {
    for (const networks of this.#started) void networks.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** `172.17.0.2/16` for each interface. */
export const addressesOf = (sandbox: Sandbox): string[] =>
  sandbox.endpoints.flatMap(({ address }) => (address ? formatPrefix(address) : []));

/** Port 80 at the host's 8080. */
export const TCP80: PublishRequest = { protocol: "tcp", port: 80, hostPorts: { first: 8080, last: 8080 } };

/** What a sandbox asks for that is on these networks. */
export const on = (...networks: readonly string[]) =>
  ({ mode: { kind: "own", endpoints: networks.map((network) => ({ network })) } }) as const;

/** Networks of an engine with some of one's own. */
export async function withNetworks(
  host: FakeHost,
  store: MemoryStore,
  ...names: string[]
): Promise<Networks> {
  const networks = await host.start(store);
  for (const name of names) await networks.create({ name });
  return networks;
}

/** Every element that stands, without those of the loaded rules. */
export const stateOf = (host: FakeHost): unknown => ({
  elements: [...host.kernel.elements].toSorted(),
  links: host.kernel.hostLinks.map(({ name }) => name).toSorted(),
  namespaces: [...host.kernel.namespaces].toSorted(),
  ports: [...host.ports.held].toSorted(),
  names: [...host.dns.endpoints.keys()].toSorted(),
});
