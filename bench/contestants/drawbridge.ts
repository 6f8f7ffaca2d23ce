/**
 * The engine's networks by themselves. Whole: what the controller does for a container, with its record in a
 * store on a disk and its files. Bare: only the plan and what it does to the kernel, as the peers have it.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "../../src/daemon/config.ts";
import { asError } from "../../src/lib/errors.ts";
import { type ContainerID, newId } from "../../src/lib/ids.ts";
import { silent } from "../../src/lib/log.ts";
import type { Kernel } from "../../src/linux/kernel.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { Reactor } from "../../src/linux/reactor.ts";
import { createNetworks } from "../../src/network/controller.ts";
import { createDns } from "../../src/network/dns/dns.ts";
import type { Dns } from "../../src/network/dns/types.ts";
import { elementSteps, sandboxElements } from "../../src/network/firewall-state.ts";
import { type FindNetwork, Ledger } from "../../src/network/ledger.ts";
import { createHostPorts } from "../../src/network/port/host-ports.ts";
import { designSandbox } from "../../src/network/sandbox/design.ts";
import { linksOf, openPlan, unpinPlan } from "../../src/network/sandbox/plan.ts";
import type { Networks, Sandbox, SandboxRequest } from "../../src/network/types.ts";
import { EmbeddedStore } from "../../src/store/embedded.ts";
import type { Store } from "../../src/store/kv.ts";

interface Parts {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly reactor: Reactor;
  readonly dns: Dns;
}

export class DrawbridgeNetworks implements AsyncDisposable {
  readonly #directory: string;
  readonly #parts: Parts;
  readonly #networks: Networks;

  private constructor(directory: string, networks: Networks, parts: Parts) {
    this.#directory = directory;
    this.#parts = parts;
    this.#networks = networks;
  }

  /** With `docker0`, its rules and sysctls, in the namespace of this process. */
  static async start(directory: string): Promise<DrawbridgeNetworks> {
    const kernel = await startKernel();
    const store = new EmbeddedStore(join(directory, "drawbridge.db"));
    const reactor = new Reactor((thrown) => {
      throw asError(thrown);
    });
    const dns = createDns({ logger: silent });
    const networks = createNetworks({
      kernel,
      store,
      events: { publish: () => {} },
      logger: silent,
      execRoot: directory,
      ports: createHostPorts({ reactor, logger: silent }),
      dns,
      settings: readConfig(new Map([["bip", ["172.17.0.1/16"]]]), undefined).engine,
    });
    await networks.start(new Set());
    return new DrawbridgeNetworks(directory, networks, { kernel, store, reactor, dns });
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
      hostGateways: [],
      execRoot: this.#directory,
    });
    const elements = elementSteps("a sandbox", {}, sandboxElements(sandbox, this.#find));
    await this.#parts.kernel.apply([...elements, ...openPlan(sandbox, this.#find, {})]);
    return sandbox;
  }

  async detachBare(sandbox: Sandbox): Promise<void> {
    await Promise.all([
      this.#parts.kernel.deleteLinks(linksOf(sandbox)),
      this.#parts.kernel.dismantle(unpinPlan(sandbox)),
    ]);
    await this.#parts.kernel.dismantle(elementSteps("a sandbox", sandboxElements(sandbox, this.#find), {}));
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
    const { dns, reactor, kernel, store } = this.#parts;
    await dns.stop();
    await reactor.close();
    await kernel.close();
    await store.close();
  }
}
