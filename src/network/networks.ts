/** Networks of one's own, from their creation to their removal. */
import { failuresOf, forbidden, throwAll } from "../lib/errors.ts";
import type { Prefix } from "../lib/ip.ts";
import { Mutex } from "../lib/mutex.ts";
import { type UndoStack, undoing } from "../lib/undo.ts";
import type { Link } from "../linux/kernel.ts";
import { designNetwork } from "./create.ts";
import { isDefault } from "./defaults.ts";
import { drivers } from "./drivers.ts";
import { elementSteps } from "./firewall-state.ts";
import { forwarding, readForwarding, unroutedElements } from "./forwarding.ts";
import { readHostState } from "./host-state.ts";
import type { Context } from "./options.ts";
import { dropNetwork, dropSysctl, loadSysctl, putNetwork, putSysctl } from "./state.ts";
import type { CreatedNetwork, Endpoint, Network, NetworkRequest } from "./types.ts";

export class NetworkTable {
  readonly #context: Context;
  readonly #serial = new Mutex();
  /** Subnets that were given back: not given again before all others. */
  #spent: readonly Prefix[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  /** @throws as `Networks.create`; then nothing has changed */
  create(request: NetworkRequest): Promise<CreatedNetwork> {
    return this.#serial.run(() => undoing((undo) => this.#create(request, undo)));
  }

  /** @throws forbidden, not-found */
  remove(reference: string): Promise<void> {
    return this.#serial.run(() => this.#remove(this.#context.ledger.find(reference)));
  }

  async prune(select: (network: Network) => boolean): Promise<readonly Network[]> {
    const pruned = await this.#serial.run(async () => {
      const unused = this.#context.ledger.networks.filter(
        (network) => !isDefault(network) && !network.configOnly && !this.#isUsed(network) && select(network),
      );
      // Links that go at the same time share the kernel's grace period.
      const outcomes = await Promise.allSettled(unused.map((network) => this.#remove(network)));
      throwAll("prune networks", failuresOf(outcomes));
      return unused;
    });
    const actor = { id: "", attributes: { reclaimed: "0" } };
    this.#context.events.publish({ type: "network", action: "prune", actor });
    return pruned;
  }

  async #create(request: NetworkRequest, undo: UndoStack): Promise<CreatedNetwork> {
    const { kernel, store, ledger, settings } = this.#context;
    const facts = await readHostState(kernel);
    const { network: designed, warning } = designNetwork(request, {
      networks: ledger.networks,
      facts,
      settings,
      ula: ledger.ula,
      spent: this.#spent,
    });
    const driver = drivers[designed.driver];
    driver.refuse(designed, facts);
    const made = driver.remember(designed, facts);
    const network = Object.keys(made).length > 0 ? { ...designed, made } : designed;
    await store.commit([putNetwork(network)]);
    undo.push("record it", () => store.commit([dropNetwork(network)]));
    if (!network.configOnly) {
      // Rules stand before the link does.
      const plan = [
        ...elementSteps(`network ${network.name}`, {}, driver.elements(network)),
        ...driver.ensure(network, facts),
      ];
      await this.#context.apply(plan).catch((thrown: unknown) => {
        throw driver.explain(network, thrown);
      });
      undo.push("make it", () => this.#dismantle(network, ledger.networks));
      if (network.ipv6 && network.driver === "bridge") await this.#forwardIpv6(facts.links, undo);
    }
    ledger.networks = [...ledger.networks, network];
    // Containers will join it before long, and have the embedded DNS.
    if (!network.configOnly) this.#context.dns.prepare();
    this.#tell("create", network);
    return { network, warning };
  }

  /** With the first network that has IPv6; what it must not open is closed before. */
  async #forwardIpv6(links: readonly Link[], undo: UndoStack): Promise<void> {
    const { store, ledger, settings } = this.#context;
    const { closed, plan, records } = forwarding(await readForwarding(this.#context, 6, links), settings);
    if (plan.length === 0) return;
    const before = await Promise.all(
      [...records.keys()].map(async (key) => [key, await loadSysctl(store, key)] as const),
    );
    await store.commit([...records].map(([key, record]) => putSysctl(key, record)));
    undo.push("record sysctls", () =>
      store.commit(before.map(([key, record]) => (record ? putSysctl(key, record) : dropSysctl(key)))),
    );
    const after = { ...ledger.closed, 6: closed };
    const firewall = elementSteps(
      "IPv6 forwarding",
      unroutedElements(ledger.closed),
      unroutedElements(after),
    );
    await this.#context.apply([...firewall, ...plan]);
    ledger.closed = after;
  }

  async #remove(network: Network): Promise<void> {
    const { ledger, store } = this.#context;
    const { id, name, ipam } = network;
    if (isDefault(network)) throw forbidden(`${name} is a pre-defined network and cannot be removed`);
    this.#refuseUsed(network);
    // From now on nobody finds it to join.
    ledger.networks = ledger.networks.filter((other) => other.id !== id);
    try {
      if (!network.configOnly) await this.#dismantle(network, ledger.networks);
      await store.commit([dropNetwork(network)]);
    } catch (thrown) {
      // Others may have gone meanwhile: only this one comes back.
      ledger.networks = [...ledger.networks, network];
      throw thrown;
    }
    this.#spent = [...this.#spent, ...ipam.pools.map(({ subnet }) => subnet)];
    this.#tell("destroy", network);
  }

  /** The link goes first: its rules stand as long as it does. */
  async #dismantle(network: Network, others: readonly Network[]): Promise<void> {
    const { kernel } = this.#context;
    const driver = drivers[network.driver];
    await kernel.dismantle(driver.remove(network, await readHostState(kernel), others));
    await kernel.dismantle(elementSteps(`network ${network.name}`, driver.elements(network), {}));
  }

  #isUsed = (network: Network): boolean =>
    this.#context.ledger.holdersOf(network.id).length > 0 || this.#madeFrom(network).length > 0;

  #madeFrom({ name, configOnly }: Network): readonly Network[] {
    return configOnly ? this.#context.ledger.networks.filter(({ configFrom }) => configFrom === name) : [];
  }

  #refuseUsed(network: Network): void {
    const holders = this.#context.ledger.holdersOf(network.id);
    if (holders.length > 0) {
      const who = holders.map(
        ({ containerName, id }: Endpoint) => `name:"${containerName}" id:"${id.slice(0, 12)}"`,
      );
      throw forbidden(
        `error while removing network: network ${network.name} has active endpoints (${who.join(", ")})`,
      );
    }
    if (this.#madeFrom(network).length > 0) {
      throw forbidden(`configuration network "${network.name}" is in use`);
    }
  }

  #tell(action: "create" | "destroy", { id, name, driver }: Network): void {
    const attributes = { name, type: driver };
    this.#context.events.publish({ type: "network", action, actor: { id, attributes } });
  }
}
