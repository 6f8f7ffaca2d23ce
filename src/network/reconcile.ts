/** The engine's start: bring the kernel to what the settings and the store say, from whatever is there. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { conflict, internal, messageOf } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";
import type { Logger } from "../lib/log.ts";
import { bootId } from "../linux/host.ts";
import type { Kernel, Link } from "../linux/kernel.ts";
import type { NetnsPath, Plan } from "../linux/plan.ts";
import type { Store } from "../store/kv.ts";
import { defaultNetworks } from "./defaults.ts";
import type { HostState } from "./driver.ts";
import { drivers } from "./drivers.ts";
import { type Elements, mergeElements, type WidePart } from "./firewall/elements.ts";
import { loadRules } from "./firewall/rules.ts";
import { type Forwarding, forwarding, IP_FORWARD } from "./forwarding.ts";
import { type FindNetwork, linksOf, netnsDirectory, sandboxElements, unpinPlan } from "./sandbox.ts";
import type { NetworkSettings } from "./settings.ts";
import {
  dropNetwork,
  dropSandbox,
  dropSysctl,
  loadNetworks,
  loadSandboxes,
  loadSysctl,
  type OnDamage,
  putNetwork,
  putSysctl,
  type SandboxRecord,
} from "./state.ts";
import type { Endpoint, Network } from "./types.ts";

export interface ReconcileOptions {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly logger: Logger;
  readonly settings: NetworkSettings;
  readonly execRoot: string;
}

export interface Reconciled {
  readonly networks: readonly Network[];
  /** Of containers that are alive. */
  readonly records: readonly SandboxRecord[];
  readonly forward: Forwarding;
}

/**
 * All that can be refused is refused before anything is touched. Then the firewall stands before any
 * link does, and forwarding is turned on last.
 * @throws conflict, invalid
 */
export async function reconcile(
  options: ReconcileOptions,
  alive: ReadonlySet<ContainerID>,
): Promise<Reconciled> {
  const { kernel, store, settings, logger } = options;
  const damaged: OnDamage = (key, cause) =>
    logger.error({ key, error: messageOf(cause) }, "a damaged record is left out");
  const known = await loadNetworks(store, damaged);
  const networks = defaultNetworks(settings, known);
  const records = await loadSandboxes(store, damaged);
  const living = records.filter(({ sandbox }) => alive.has(sandbox.container));
  const dead = records.filter(({ sandbox }) => !alive.has(sandbox.container));
  const facts = await hostFacts(kernel);
  const superseded = supersededBy(networks, known);
  refuseChange(superseded, living);
  for (const network of networks) drivers[network.driver].refuse(network, facts);
  const current = await kernel.readSysctl(IP_FORWARD);
  const record = await loadSysctl(store, IP_FORWARD);
  const forward = forwarding({ current, record, boot: bootId() }, settings);

  await kernel.nft(loadRules(elementsOf(networks, living, forward)));
  await free(kernel, store, dead);
  await sweep(options, networks, records, facts);
  await kernel.dismantle(superseded.flatMap((network) => drivers[network.driver].remove(network, facts)));
  await store.commit([
    ...known.filter(({ id }) => networks.every((network) => network.id !== id)).map(dropNetwork),
    ...networks.map(putNetwork),
    forward.record ? putSysctl(IP_FORWARD, forward.record) : dropSysctl(IP_FORWARD),
  ]);
  const remaining = await hostFacts(kernel);
  await kernel.apply([
    ...networks.flatMap((network) => drivers[network.driver].ensure(network, remaining)),
    ...forward.plan,
  ]);
  await rejoin(options, networks, living, remaining);
  report(forward, settings, current, logger);
  return { networks, records: living.map((each) => withIndexes(each, remaining.links, logger)), forward };
}

/** Bridges that had to be made anew get their ports back. */
export async function rejoin(
  { kernel, logger }: Pick<ReconcileOptions, "kernel" | "logger">,
  networks: readonly Network[],
  records: readonly SandboxRecord[],
  facts: HostState,
): Promise<void> {
  const endpoints = records.flatMap(({ sandbox }) => sandbox.endpoints);
  for (const network of networks) {
    const own = endpoints.filter((endpoint) => endpoint.network === network.id);
    const plan = drivers[network.driver].rejoin(network, own, facts);
    if (plan.length === 0) continue;
    await kernel.apply(plan);
    logger.warn(
      { links: plan.length },
      `network ${network.name} had lost links of its containers: joined again`,
    );
  }
}

/**
 * What no record tells of, since it was lost or damaged: links of ours on our bridges, whose addresses will be given
 * to others, and pins.
 */
async function sweep(
  { kernel, logger, execRoot }: ReconcileOptions,
  networks: readonly Network[],
  records: readonly SandboxRecord[],
  facts: HostState,
): Promise<void> {
  const known = new Set(records.flatMap(({ sandbox }) => linksOf(sandbox)));
  const links = networks
    .flatMap((network) => drivers[network.driver].portsOf(network, facts))
    .filter((name) => !known.has(name));
  const pins = new Set(records.map(({ sandbox }) => sandbox.key));
  const stray = readdirSync(netnsDirectory(execRoot))
    .filter((name) => /^[0-9a-f]{12}$/.test(name))
    .map((name) => join(netnsDirectory(execRoot), name) as NetnsPath)
    .filter((path) => !pins.has(path));
  if (links.length + stray.length === 0) return;
  const plan: Plan = stray.map((path) => ({ do: "remove-netns", path }));
  await kernel.deleteLinks(links);
  await kernel.dismantle(plan);
  logger.warn({ links, namespaces: stray }, "removed what no sandbox on record has");
}

export async function hostFacts(kernel: Kernel): Promise<HostState> {
  const [links, addresses, routes] = await Promise.all([kernel.links(), kernel.addresses(), kernel.routes()]);
  return { links, addresses, routes };
}

/** Networks from before that are no more, or whose links can't stay as they are. */
function supersededBy(networks: readonly Network[], known: readonly Network[]): Network[] {
  return known.filter((before) => {
    const now = networks.find(({ id }) => id === before.id);
    return !now || drivers[before.driver].replaces(before, now);
  });
}

/** @throws conflict where containers are on them */
function refuseChange(superseded: readonly Network[], living: readonly SandboxRecord[]): void {
  for (const network of superseded) {
    const names = living
      .flatMap(({ sandbox }) => sandbox.endpoints)
      .filter((endpoint) => endpoint.network === network.id)
      .map(({ containerName }) => containerName);
    if (names.length > 0) {
      throw conflict(
        `network ${network.name} can't change its link or subnet while containers are on it: ${names.join(", ")}`,
      );
    }
  }
}

export function elementsOf(
  networks: readonly Network[],
  records: readonly SandboxRecord[],
  { closed }: Forwarding,
): Elements {
  const networkOf = networkFinder(networks);
  return mergeElements<WidePart>([
    ...networks.map((network) => drivers[network.driver].elements(network)),
    ...records.map(({ sandbox }) => sandboxElements(sandbox, networkOf)),
    closed ? { unrouted: [[{ nfproto: "ipv4" }]] } : {},
  ]);
}

/** @throws internal for an endpoint whose network is not among these */
export const networkFinder =
  (networks: readonly Network[]): FindNetwork =>
  (endpoint) => {
    const network = networks.find(({ id }) => id === endpoint.network);
    if (!network) throw internal(`endpoint ${endpoint.id}: its network ${endpoint.networkName} is gone`);
    return network;
  };

/** Take away what is left of sandboxes whose containers ended while nobody looked. */
async function free(kernel: Kernel, store: Store, dead: readonly SandboxRecord[]): Promise<void> {
  if (dead.length === 0) return;
  await kernel.deleteLinks(dead.flatMap(({ sandbox }) => linksOf(sandbox)));
  await kernel.dismantle(dead.flatMap(({ sandbox }) => unpinPlan(sandbox)));
  await store.commit(dead.map(({ sandbox }) => dropSandbox(sandbox.container)));
}

/** Indexes are the kernel's to tell: the store has none. */
function withIndexes(record: SandboxRecord, links: readonly Link[], logger: Logger): SandboxRecord {
  const endpoints = record.sandbox.endpoints.map((endpoint): Endpoint => {
    if (endpoint.hostInterface === undefined) return endpoint;
    const link = links.find(({ name }) => name === endpoint.hostInterface);
    if (!link) {
      const { container, containerName, networkName } = endpoint;
      logger.warn(
        { container },
        `${containerName} has lost its link ${endpoint.hostInterface} to network ${networkName}: restart it`,
      );
      return endpoint;
    }
    return {
      ...endpoint,
      ifindex: link.ifindex,
      ...(link.peer !== undefined && { peerIfindex: link.peer }),
    };
  });
  return { ...record, sandbox: { ...record.sandbox, endpoints } };
}

function report(
  { closed, plan }: Forwarding,
  settings: NetworkSettings,
  current: string,
  logger: Logger,
): void {
  if (plan.length > 0) {
    logger.info(
      {},
      `turned ${IP_FORWARD} on${closed ? "; between links that are not ours, nothing is forwarded" : ""}`,
    );
  }
  if (current === "0" && !settings.ipForward) {
    logger.warn({}, `${IP_FORWARD} is off: containers reach nothing outside this host`);
  }
}
