import { mkdirSync } from "node:fs";
import { conflict, messageOf, throwAll } from "../lib/errors.ts";
import type { EngineEvent } from "../lib/events.ts";
import type { ContainerID, NetworkID } from "../lib/ids.ts";
import type { Address } from "../lib/ip.ts";
import type { Logger } from "../lib/log.ts";
import { KeyedMutex, Mutex } from "../lib/mutex.ts";
import { undoing } from "../lib/undo.ts";
import type { Kernel } from "../linux/kernel.ts";
import type { Fact, Plan, Step } from "../linux/plan.ts";
import type { Store } from "../store/kv.ts";
import { linkAlias } from "./alias.ts";
import { OPTION } from "./bridge/options.ts";
import { designSandbox, findNetwork, type SandboxDesign } from "./design.ts";
import {
  Composer,
  digestOf,
  type FileContents,
  HOST_PATHS,
  type HostPaths,
  removeFiles,
  updateResolvConf,
  writeFiles,
} from "./files/files.ts";
import { FileWatch } from "./files/watch.ts";
import type { Forwarding } from "./forwarding.ts";
import { pinHostNamespace } from "./host-namespace.ts";
import { networkFinder, reconcile } from "./reconcile.ts";
import { missesGround, repair } from "./repair.ts";
import { checkRequest } from "./request.ts";
import { closeFirewallPlan, linksOf, netnsDirectory, openPlan, unpinPlan } from "./sandbox.ts";
import type { NetworkSettings } from "./settings.ts";
import { dropSandbox, putSandbox, type SandboxRecord } from "./state.ts";
import type { Endpoint, Network, Networks, Sandbox, SandboxRequest } from "./types.ts";

export interface NetworksOptions {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly events: { publish(event: Omit<EngineEvent, "time">): void };
  readonly logger: Logger;
  /** Absolute; sandboxes are pinned in `netns` below it. */
  readonly execRoot: string;
  readonly settings: NetworkSettings;
  /** Where the host's own files are: elsewhere in tests. */
  readonly hostPaths?: HostPaths;
}

export const createNetworks = (options: NetworksOptions): Networks => new Controller(options);

/** A sandbox on its way: its addresses are taken from the first moment to the last. */
interface Entry {
  record: SandboxRecord;
  phase: "opening" | "open" | "closing";
}

class Controller implements Networks {
  readonly #options: NetworksOptions;
  readonly #paths: HostPaths;
  readonly #composer: Composer;
  readonly #serial = new KeyedMutex<ContainerID>();
  readonly #entries = new Map<ContainerID, Entry>();
  #networks: readonly Network[] = [];
  #forward: Forwarding | undefined;
  readonly #repairing = new Mutex();
  #watches: readonly FileWatch[] = [];
  readonly #following = new Mutex();

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#paths = options.hostPaths ?? HOST_PATHS;
    this.#composer = new Composer(options.settings, this.#paths, options.logger);
  }

  async start(alive: ReadonlySet<ContainerID>): Promise<void> {
    const { execRoot } = this.#options;
    mkdirSync(netnsDirectory(execRoot), { recursive: true, mode: 0o755 });
    const { networks, records, forward } = await reconcile(this.#options, alive);
    this.#networks = networks;
    this.#forward = forward;
    for (const record of records) this.#entries.set(record.sandbox.container, { record, phase: "open" });
    const { resolvConf, resolvedUpstreams } = this.#paths;
    this.#watches = [resolvConf, resolvedUpstreams].map(
      (path) => new FileWatch(path, () => void this.#following.run(() => this.#followResolvConf())),
    );
    await this.#following.run(() => this.#followResolvConf());
  }

  async stop(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#watches = [];
    await this.#following.run(async () => {});
  }

  list = (): readonly Network[] => this.#networks;

  find = (reference: string): Network => findNetwork(this.#networks, reference);

  endpointsOf(network: NetworkID): readonly Endpoint[] {
    return [...this.#entries.values()]
      .filter(({ phase }) => phase !== "opening")
      .flatMap(({ record }) => record.sandbox.endpoints.filter((endpoint) => endpoint.network === network));
  }

  sandboxOf(container: ContainerID): Sandbox | undefined {
    const entry = this.#entries.get(container);
    return entry && entry.phase !== "opening" ? entry.record.sandbox : undefined;
  }

  check = checkRequest;

  openSandbox(request: SandboxRequest): Promise<Sandbox> {
    return this.#serial.run(request.container, () => this.#open(request));
  }

  closeSandbox(container: ContainerID): Promise<void> {
    return this.#serial.run(container, () => this.#close(container));
  }

  renameContainer(container: ContainerID, name: string): Promise<void> {
    return this.#serial.run(container, () => this.#rename(container, name));
  }

  async #open(request: SandboxRequest): Promise<Sandbox> {
    checkRequest(request);
    const { container } = request;
    if (this.#entries.has(container)) throw conflict(`container ${container} has a sandbox already`);
    const { store } = this.#options;
    // Nothing is awaited until the entry stands: no two sandboxes are given the same address.
    const design = this.#design(request);
    const contents = design.sandbox.mode === "shared" ? undefined : this.#contents(design, request);
    const record: SandboxRecord = {
      ...design,
      ...(contents && { resolvConf: digestOf(contents.resolvConf) }),
    };
    const entry: Entry = { record, phase: "opening" };
    this.#entries.set(container, entry);
    return await undoing(async (undo) => {
      undo.push("reserve addresses", () => void this.#entries.delete(container));
      if (record.sandbox.mode === "host") pinHostNamespace(record.sandbox.key);
      // What a crash leaves behind is found by its record.
      await store.commit([putSandbox(record)]);
      undo.push("record the sandbox", () => store.commit([dropSandbox(container)]));
      const plan = openPlan(record.sandbox, networkFinder(this.#networks), request.sysctls);
      const [made, written] = await Promise.allSettled([
        plan.length > 0 ? this.#apply(plan) : [],
        contents && writeFiles(record, contents),
      ]);
      undo.push("write its files", () => removeFiles(record));
      if (made.status === "rejected") throw made.reason;
      undo.push("make the sandbox", () => this.#takeDown(record.sandbox));
      if (written.status === "rejected") throw written.reason;
      entry.record = { ...record, sandbox: withFacts(record.sandbox, plan, made.value) };
      entry.phase = "open";
      this.#publish("connect", record.sandbox);
      return entry.record.sandbox;
    });
  }

  /** What others took away from under it is put back, and the plan is carried out once more. */
  async #apply(plan: Plan): Promise<readonly Fact[]> {
    const { kernel } = this.#options;
    try {
      return await kernel.apply(plan);
    } catch (thrown) {
      if (!missesGround(thrown)) throw thrown;
      await this.#repairing.run(() => this.#repair());
      return kernel.apply(plan);
    }
  }

  async #repair(): Promise<void> {
    if (!this.#forward) return;
    const records = [...this.#entries.values()].flatMap(({ phase, record }) =>
      phase === "opening" ? [] : [record],
    );
    await repair(this.#options, { networks: this.#networks, records, forward: this.#forward });
  }

  #design(request: SandboxRequest): SandboxDesign {
    return designSandbox(request, {
      networks: this.#networks,
      records: [...this.#entries.values()].map(({ record }) => record),
      running: (container) => {
        const entry = this.#entries.get(container);
        return entry?.phase === "open" ? entry.record : undefined;
      },
      hostGateway: this.#hostGateway(),
      execRoot: this.#options.execRoot,
    });
  }

  /** The host's own address as containers see it. */
  #hostGateway(): Address | undefined {
    const { hostGatewayIp } = this.#options.settings;
    const bridge = this.#networks.find(({ options }) => options[OPTION.defaultBridge] === "true");
    return hostGatewayIp ?? bridge?.ipam.pools[0]?.gateway;
  }

  #contents(design: SandboxDesign, { sysctls }: SandboxRequest): FileContents {
    const ipv6 = sysctls["net.ipv6.conf.all.disable_ipv6"] === "0";
    return {
      hosts: this.#composer.hosts(design, this.#hostGateway(), ipv6),
      resolvConf: this.#composer.resolvConf(design),
    };
  }

  async #close(container: ContainerID): Promise<void> {
    const entry = this.#entries.get(container);
    if (!entry) return;
    entry.phase = "closing";
    await this.#takeDown(entry.record.sandbox);
    // It is gone, whether or not that can be recorded: a record too many is dropped by the next start.
    this.#entries.delete(container);
    try {
      await this.#options.store.commit([dropSandbox(container)]);
    } catch (thrown) {
      this.#options.logger.error({ container }, `forget the sandbox: ${messageOf(thrown)}`);
    }
    this.#publish("disconnect", entry.record.sandbox);
  }

  /** Past failures. The guard of a port stands until the port is gone: others may share the namespace. */
  async #takeDown(sandbox: Sandbox): Promise<void> {
    const { kernel } = this.#options;
    const links = linksOf(sandbox);
    const unpin = unpinPlan(sandbox);
    const firewall = closeFirewallPlan(sandbox, networkFinder(this.#networks));
    const outcomes = await Promise.allSettled([
      links.length > 0 ? kernel.deleteLinks(links) : undefined,
      unpin.length > 0 ? kernel.dismantle(unpin) : undefined,
    ]);
    if (firewall.length > 0) outcomes.push(...(await Promise.allSettled([kernel.dismantle(firewall)])));
    throwAll(
      `close sandbox ${sandbox.key}`,
      outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : [])),
    );
  }

  async #rename(container: ContainerID, name: string): Promise<void> {
    const entry = this.#entries.get(container);
    if (!entry) return;
    const { sandbox } = entry.record;
    const endpoints = sandbox.endpoints.map((endpoint) => ({ ...endpoint, containerName: name }));
    const record = { ...entry.record, sandbox: { ...sandbox, endpoints } };
    await this.#options.store.commit([putSandbox(record)]);
    entry.record = record;
    const plan = endpoints.flatMap(({ hostInterface, networkName }): Step[] =>
      hostInterface === undefined
        ? []
        : [{ do: "set-link", name: hostInterface, alias: linkAlias(name, networkName) }],
    );
    if (plan.length > 0) await this.#options.kernel.apply(plan);
  }

  async #followResolvConf(): Promise<void> {
    const update = (container: ContainerID) =>
      this.#serial.run(container, () => this.#updateResolvConf(container));
    await Promise.all([...this.#entries.keys()].map(update));
  }

  async #updateResolvConf(container: ContainerID): Promise<void> {
    const entry = this.#entries.get(container);
    const written = entry?.record.resolvConf;
    if (entry?.phase !== "open" || written === undefined) return;
    try {
      const wanted = this.#composer.resolvConf(entry.record);
      const digest = await updateResolvConf(entry.record, written, wanted);
      if (digest === written) return;
      entry.record = { ...entry.record, resolvConf: digest };
      await this.#options.store.commit([putSandbox(entry.record)]);
    } catch (thrown) {
      // One container's file must not keep the others from following.
      this.#options.logger.error({ container }, `update resolv.conf: ${messageOf(thrown)}`);
    }
  }

  #publish(action: "connect" | "disconnect", { container, endpoints }: Sandbox): void {
    for (const { network, networkName } of endpoints) {
      const { driver } = findNetwork(this.#networks, network);
      this.#options.events.publish({
        type: "network",
        action,
        actor: { id: network, attributes: { container, name: networkName, type: driver } },
      });
    }
  }
}

/** The sandbox with what the kernel told of its links. */
function withFacts(sandbox: Sandbox, plan: Plan, facts: readonly Fact[]): Sandbox {
  const endpoints = sandbox.endpoints.map((endpoint): Endpoint => {
    const at = plan.findIndex((step) => step.do === "add-veth" && step.name === endpoint.hostInterface);
    const { ifindex, peerIfindex } = facts[at] ?? {};
    return {
      ...endpoint,
      ...(ifindex !== undefined && { ifindex }),
      ...(peerIfindex !== undefined && { peerIfindex }),
    };
  });
  return { ...sandbox, endpoints };
}
