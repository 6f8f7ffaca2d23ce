/** The networks of the engine: what they intend and what the kernel has, kept in step. */
import { mkdirSync } from "node:fs";
import { conflict, messageOf } from "../lib/errors.ts";
import type { ContainerID, NetworkID } from "../lib/ids.ts";
import type { Address } from "../lib/ip.ts";
import { KeyedMutex, Mutex } from "../lib/mutex.ts";
import type { LinkTraffic } from "../linux/kernel.ts";
import type { Fact, Plan } from "../linux/plan.ts";
import { bridgeOptions, OPTION } from "./bridge/options.ts";
import { Keeper } from "./coexistence/keeper.ts";
import { isUserDefined } from "./defaults.ts";
import { Composer, HOST_PATHS, type HostPaths, updateFiles, updateResolvConf } from "./files/files.ts";
import { FileWatch } from "./files/watch.ts";
import { isOnInternal } from "./internal-peers.ts";
import { type Entry, Ledger } from "./ledger.ts";
import { NetworkTable } from "./networks.ts";
import type { Context, Followers, NetworksOptions } from "./options.ts";
import { NO_HOST_PORT } from "./port/types.ts";
import { missesGround, repair } from "./reconcile/repair.ts";
import { reconcile, warnOfNoForwarding } from "./reconcile/start.ts";
import { connect, disconnect } from "./sandbox/attachment.ts";
import { checkEndpoint, checkRequest } from "./sandbox/check.ts";
import { closeSandbox } from "./sandbox/close.ts";
import { refuseCompany } from "./sandbox/design.ts";
import { canCarry } from "./sandbox/gateway.ts";
import { LinkKeeper } from "./sandbox/link-keeper.ts";
import { Names } from "./sandbox/names.ts";
import { openSandbox } from "./sandbox/open.ts";
import { netnsDirectory } from "./sandbox/plan.ts";
import { publish, unpublish } from "./sandbox/ports.ts";
import { lead } from "./sandbox/publication.ts";
import { renameContainer } from "./sandbox/rename.ts";
import { putSandbox } from "./state.ts";
import type { EndpointRequest, Network, Networks, PublishRequest, Sandbox, SandboxRequest } from "./types.ts";

export type { NetworksOptions } from "./options.ts";

export const createNetworks = (options: NetworksOptions): Networks => new Controller(options);

class Controller implements Networks {
  readonly #context: Context;
  readonly #paths: HostPaths;
  readonly #table: NetworkTable;
  readonly #followers: Followers;
  readonly #keeper: Keeper | undefined;
  readonly #serial = new KeyedMutex<ContainerID>();
  readonly #repairing = new Mutex();
  #watches: readonly FileWatch[] = [];
  readonly #following = new Mutex();

  constructor(options: NetworksOptions) {
    const { settings, logger, kernel, reactor } = options;
    const ledger = new Ledger();
    this.#paths = options.hostPaths ?? HOST_PATHS;
    const hostGateways = () => this.#hostGateways();
    this.#context = {
      ...options,
      ledger,
      composer: new Composer({ settings, paths: this.#paths, logger, ledger, hostGateways }),
      hostGateways,
      apply: (plan) => this.#apply(plan),
      tell: (action, sandbox, endpoints) => this.#tell(action, sandbox, endpoints),
    };
    this.#table = new NetworkTable(this.#context);
    const names = new Names(this.#context);
    this.#followers = { names, links: new LinkKeeper(this.#context, names) };
    options.ports.screen((peer) => !isOnInternal(peer, ledger.networks));
    this.#keeper =
      reactor &&
      new Keeper({
        kernel,
        reactor,
        logger,
        repair: ({ rules }) => this.#repair(rules ? "all" : "missing"),
        bridges: () =>
          ledger.networks.flatMap((network) =>
            canCarry(network) && !network.configOnly ? bridgeOptions(network).name : [],
          ),
        admit: settings.firewallAdmit,
      });
  }

  async start(alive: ReadonlySet<ContainerID>): Promise<void> {
    const { execRoot, ledger, kernel, settings, logger, dns } = this.#context;
    mkdirSync(netnsDirectory(execRoot), { recursive: true, mode: 0o755 });
    const { records, ...reconciled } = await reconcile(this.#context, alive);
    Object.assign(ledger, reconciled);
    for (const record of records) {
      ledger.entries.set(record.sandbox.container, { record, phase: "open", leases: [] });
    }
    await this.#takeOver([...ledger.entries.values()]);
    if (ledger.networks.some((network) => isUserDefined(network) && !network.configOnly)) dns.prepare();
    this.#followers.links.begin();
    await warnOfNoForwarding(kernel, settings, logger);
    await this.#keeper?.start();
    const { resolvConf, resolvedUpstreams } = this.#paths;
    this.#watches = [resolvConf, resolvedUpstreams].map(
      (path) => new FileWatch(path, () => void this.#following.run(() => this.#followResolvConf())),
    );
    await this.#following.run(() => this.#followResolvConf());
  }

  /** Host ports are held again, names answered again. What fails of one sandbox is told, and leaves the others alone. */
  async #takeOver(entries: readonly Entry[]): Promise<void> {
    const { composer, ports, logger } = this.#context;
    for (const entry of entries) {
      const { sandbox } = entry.record;
      try {
        const held = sandbox.ports.filter(({ hostPort }) => hostPort !== NO_HOST_PORT);
        if (held.length > 0) entry.leases = [await ports.retake(held)];
        const warnings = entry.leases.flatMap((lease) => lease.warnings);
        for (const warning of warnings) logger.warn({ container: sandbox.container }, warning);
        lead(this.#context, entry);
        await this.#followers.names.refresh(entry.record);
        // One that joined or left a network as an engine ended.
        entry.record = await updateFiles(composer, entry.record);
      } catch (thrown) {
        logger.error({ container: sandbox.container }, `take its sandbox over: ${messageOf(thrown)}`);
      }
    }
  }

  async stop(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#watches = [];
    await this.#following.run(async () => {});
    await this.#keeper?.stop();
  }

  warnings = (): readonly string[] => this.#keeper?.warnings() ?? [];

  list = (): readonly Network[] => this.#context.ledger.networks;

  find = (reference: string): Network => this.#context.ledger.find(reference);

  create: Networks["create"] = (request) => this.#table.create(request);
  remove: Networks["remove"] = (reference) => this.#table.remove(reference);
  prune: Networks["prune"] = (select) => this.#table.prune(select);

  endpointsOf: Networks["endpointsOf"] = (network) => this.#context.ledger.endpointsOf(network);
  sandboxOf: Networks["sandboxOf"] = (container) => this.#context.ledger.sandboxOf(container);

  async trafficOf(container: ContainerID): Promise<readonly LinkTraffic[]> {
    const sandbox = this.sandboxOf(container);
    if (sandbox?.mode !== "own" || sandbox.endpoints.length === 0) return [];
    const names = new Set(sandbox.endpoints.map(({ interfaceName }) => interfaceName));
    return (await this.#context.kernel.traffic(sandbox.key)).filter(({ name }) => names.has(name));
  }

  check = checkRequest;

  checkConnect(
    request: EndpointRequest,
    container: { readonly name: string; readonly networks: readonly string[] },
  ): Network {
    const network = this.find(request.network);
    checkEndpoint(network, request);
    const others = container.networks.flatMap((reference) => {
      const other = this.list().find(({ id, name }) => id === reference || name === reference);
      return other ?? [];
    });
    refuseCompany(network, container.name, others);
    return network;
  }

  openSandbox(request: SandboxRequest): Promise<Sandbox> {
    return this.#serial.run(request.container, () => openSandbox(this.#context, this.#followers, request));
  }

  closeSandbox(container: ContainerID): Promise<void> {
    return this.#serial.run(container, () => closeSandbox(this.#context, this.#followers, container));
  }

  connect(container: ContainerID, request: EndpointRequest): Promise<Sandbox> {
    return this.#change(container, (entry) => connect(this.#context, this.#followers, entry, request));
  }

  disconnect(
    container: ContainerID,
    network: NetworkID,
    { force }: { readonly force: boolean },
  ): Promise<Sandbox> {
    return this.#change(container, (entry) =>
      disconnect(this.#context, this.#followers, entry, network, { force }),
    );
  }

  publish(container: ContainerID, ports: readonly PublishRequest[]): Promise<Sandbox> {
    return this.#change(container, (entry) => publish(this.#context, entry, ports));
  }

  unpublish(container: ContainerID, ports: readonly PublishRequest[]): Promise<Sandbox> {
    return this.#change(container, (entry) => unpublish(this.#context, entry, ports));
  }

  renameContainer(container: ContainerID, name: string): Promise<void> {
    return this.#serial.run(container, () =>
      renameContainer(this.#context, this.#followers.names, container, name),
    );
  }

  /** One change of an open sandbox at a time. */
  #change(container: ContainerID, work: (entry: Entry) => Promise<Sandbox>): Promise<Sandbox> {
    return this.#serial.run(container, () => {
      const entry = this.#context.ledger.entries.get(container);
      if (entry?.phase !== "open") throw conflict(`container ${container} is not running`);
      return work(entry);
    });
  }

  /** What others took away from under it is put back, and the plan is carried out once more. */
  async #apply(plan: Plan): Promise<readonly Fact[]> {
    const { kernel } = this.#context;
    try {
      return await kernel.apply(plan);
    } catch (thrown) {
      if (!missesGround(thrown)) throw thrown;
      await this.#repair("missing");
      return kernel.apply(plan);
    }
  }

  #repair(rules: "missing" | "all"): Promise<boolean> {
    const { ledger } = this.#context;
    return this.#repairing.run(() => {
      const { networks, unusable, closed } = ledger;
      return repair(this.#context, { networks, unusable, closed, records: ledger.standing() }, { rules });
    });
  }

  /** The host's own addresses as containers see them. */
  #hostGateways(): readonly Address[] {
    const { hostGatewayIps = [] } = this.#context.settings;
    if (hostGatewayIps.length > 0) return hostGatewayIps;
    const bridge = this.list().find(({ options }) => options[OPTION.defaultBridge] === "true");
    return bridge?.ipam.pools.flatMap(({ gateway }) => gateway ?? []) ?? [];
  }

  async #followResolvConf(): Promise<void> {
    const containers = [...this.#context.ledger.entries.keys()];
    await Promise.all(
      containers.map((container) => this.#serial.run(container, () => this.#updateResolvConf(container))),
    );
  }

  async #updateResolvConf(container: ContainerID): Promise<void> {
    const { ledger, composer, store, logger } = this.#context;
    const entry = ledger.entries.get(container);
    if (entry?.phase !== "open") return;
    try {
      await this.#followers.names.serve(entry.record);
      const updated = { ...entry.record, ...(await updateResolvConf(composer, entry.record)) };
      if (updated.resolvConf === entry.record.resolvConf) return;
      entry.record = updated;
      await store.commit([putSandbox(updated)]);
    } catch (thrown) {
      // One container's file must not keep the others from following.
      logger.error({ container }, `update resolv.conf: ${messageOf(thrown)}`);
    }
  }

  #tell(action: "connect" | "disconnect", sandbox: Sandbox, endpoints = sandbox.endpoints): void {
    for (const { network, networkName } of endpoints) {
      const { driver } = this.find(network);
      const attributes = { container: sandbox.container, name: networkName, type: driver };
      this.#context.events.publish({ type: "network", action, actor: { id: network, attributes } });
    }
  }
}
