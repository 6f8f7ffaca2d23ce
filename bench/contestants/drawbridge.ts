/**
 * The engine's networks by themselves. Whole: what the controller does for a container, with its record in a
 * store on a disk and its files. Bare: only the plan and what it does to the kernel, as the peers have it.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "../../src/daemon/config.ts";
import { type ContainerID, newId } from "../../src/lib/ids.ts";
import { silent } from "../../src/lib/log.ts";
import type { Kernel } from "../../src/linux/kernel.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { createNetworks } from "../../src/network/controller.ts";
import { designSandbox } from "../../src/network/design.ts";
import { elementSteps, sandboxElements } from "../../src/network/firewall-state.ts";
import { type FindNetwork, Ledger } from "../../src/network/ledger.ts";
import { linksOf, openPlan, unpinPlan } from "../../src/network/sandbox.ts";
import type { Networks, Sandbox, SandboxRequest } from "../../src/network/types.ts";
import { EmbeddedStore } from "../../src/store/embedded.ts";
import type { Store } from "../../src/store/kv.ts";

export class DrawbridgeNetworks implements AsyncDisposable {
  readonly #directory: string;
  readonly #kernel: Kernel;
  readonly #store: Store;
  readonly #networks: Networks;

  private constructor(directory: string, kernel: Kernel, store: Store, networks: Networks) {
    this.#directory = directory;
    this.#kernel = kernel;
    this.#store = store;
    this.#networks = networks;
  }

  /** With `docker0`, its rules and sysctls, in the namespace of this process. */
  static async start(directory: string): Promise<DrawbridgeNetworks> {
    const kernel = await startKernel();
    const store = new EmbeddedStore(join(directory, "drawbridge.db"));
    const networks = createNetworks({
      kernel,
      store,
      events: { publish: () => {} },
      logger: silent,
      execRoot: directory,
      settings: readConfig(new Map([["bip", ["172.17.0.1/16"]]]), undefined).engine,
    });
    await networks.start(new Set());
    return new DrawbridgeNetworks(directory, kernel, store, networks);
  }

  newContainer(): ContainerID {
    const container = newId<ContainerID>();
    mkdirSync(join(this.#directory, container));
    return container;
  }

  async attach(container: ContainerID): Promise<void> {
    await this.#networks.openSandbox(this.#request(container));
  }

  detach(container: ContainerID): Promise<void> {
    return this.#networks.closeSandbox(container);
  }

  /** Planned and carried out, and known to nobody else. */
  async attachBare(container: ContainerID): Promise<Sandbox> {
    const { sandbox } = designSandbox(this.#request(container), {
      ledger: Object.assign(new Ledger(), { networks: this.#networks.list() }),
      hostGateway: undefined,
      execRoot: this.#directory,
    });
    const elements = elementSteps("a sandbox", {}, sandboxElements(sandbox, this.#find));
    await this.#kernel.apply([...elements, ...openPlan(sandbox, this.#find, {})]);
    return sandbox;
  }

  async detachBare(sandbox: Sandbox): Promise<void> {
    await Promise.all([
      this.#kernel.deleteLinks(linksOf(sandbox)),
      this.#kernel.dismantle(unpinPlan(sandbox)),
    ]);
    await this.#kernel.dismantle(elementSteps("a sandbox", sandboxElements(sandbox, this.#find), {}));
  }

  #find: FindNetwork = ({ network }) => this.#networks.find(network);

  #request(container: ContainerID): SandboxRequest {
    return {
      container,
      containerName: container.slice(0, 12),
      hostname: container.slice(0, 12),
      domainname: "",
      mode: { kind: "own", endpoints: [{ network: "bridge" }] },
      directory: join(this.#directory, container),
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: [],
      sysctls: {},
      ports: [],
      exposed: [],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#networks.stop();
    await this.#kernel.close();
    await this.#store.close();
  }
}
