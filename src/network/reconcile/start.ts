/** The engine's start: bring the kernel to what the settings and the store say, from whatever is there. */
import { conflict, messageOf } from "../../lib/errors.ts";
import type { ContainerID, NetworkID } from "../../lib/ids.ts";
import { FAMILIES } from "../../lib/ip.ts";
import type { Logger } from "../../lib/log.ts";
import type { Kernel } from "../../linux/kernel.ts";
import { defaultNetworks, isDefault } from "../defaults.ts";
import { drivers } from "../drivers.ts";
import { loadRules } from "../firewall/rules.ts";
import { allElements } from "../firewall-state.ts";
import { FORWARDING, forwarding, readForwarding, tellOfForwarding } from "../forwarding.ts";
import { type HostState, readHostState } from "../host-state.ts";
import { type Ledger, networkFinder } from "../ledger.ts";
import type { NetworksOptions } from "../options.ts";
import type { NetworkSettings } from "../settings.ts";
import {
  dropNetwork,
  loadNetworks,
  loadSandboxes,
  type OnDamage,
  putNetwork,
  putSysctl,
  putUniqueLocal,
  type SandboxRecord,
  uniqueLocalPrefix,
} from "../state.ts";
import type { Endpoint, Network } from "../types.ts";
import { ensureAdminTable } from "./admin-table.ts";
import { attachLost, rejoin } from "./restore.ts";
import { sweepDead, sweepStray } from "./sweep.ts";

type ReconcileOptions = Pick<NetworksOptions, "kernel" | "store" | "logger" | "settings" | "execRoot">;

export interface Reconciled extends Pick<Ledger, "networks" | "unusable" | "closed" | "ula"> {
  /** Of containers that are alive. */
  readonly records: readonly SandboxRecord[];
}

/**
 * All that can be refused is refused before anything is touched. Then the firewall stands before any
 * link does, and forwarding is turned on last.
 * @throws conflict, invalid: for the default networks. A network of one's own that can't be made is left out.
 */
export async function reconcile(
  options: ReconcileOptions,
  alive: ReadonlySet<ContainerID>,
): Promise<Reconciled> {
  const { kernel, store, settings, logger } = options;
  const damaged: OnDamage = (key, cause) =>
    logger.error({ key, error: messageOf(cause) }, "a damaged record is left out");
  const known = await loadNetworks(store, damaged);
  const ula = await uniqueLocalPrefix(store);
  const defaults = defaultNetworks(settings, known, ula);
  const networks = [...defaults, ...known.filter((network) => !isDefault(network))];
  const records = (await loadSandboxes(store, damaged)).map((record) => onKnown(record, networks, logger));
  const living = records.filter(({ sandbox }) => alive.has(sandbox.container));
  const dead = records.filter(({ sandbox }) => !alive.has(sandbox.container));
  const facts = await readHostState(kernel);
  const superseded = supersededBy(networks, known);
  refuseChange(superseded, living);
  for (const network of defaults) drivers[network.driver].refuse(network, facts);
  const forward = {
    4: forwarding(await readForwarding(options, 4, facts.links), settings),
    6: forwarding(await readForwarding(options, 6, facts.links), settings, networks.some(isRouted6)),
  };
  const closed = { 4: forward[4].closed, 6: forward[6].closed };

  await ensureAdminTable(kernel, await kernel.nft("list tables"));
  await kernel.nft(loadRules(allElements({ networks, records: living, closed })));
  await sweepDead(options, dead);
  await sweepStray(options, networks, records, facts);
  await kernel.dismantle(
    superseded.flatMap((network) => drivers[network.driver].remove(network, facts, networks)),
  );
  await store.commit([
    ...known.filter(({ id }) => networks.every((network) => network.id !== id)).map(dropNetwork),
    ...defaults.map(putNetwork),
    putUniqueLocal(ula),
    ...[forward[4], forward[6]].flatMap(({ records: changed }) =>
      [...changed].map(([key, record]) => putSysctl(key, record)),
    ),
  ]);
  const remaining = await readHostState(kernel);
  await kernel.apply(defaults.flatMap((network) => drivers[network.driver].ensure(network, remaining)));
  const unusable = await ensureOwn(options, networks, remaining);
  await kernel.apply([...forward[4].plan, ...forward[6].plan]);
  await rejoin(options, networks, living, remaining);
  const joined = await attachLost(options, living, networkFinder(networks), remaining);
  for (const family of FAMILIES) tellOfForwarding(family, forward[family], logger);
  return {
    networks,
    unusable,
    closed,
    ula,
    records: await withIndexes(kernel, joined),
  };
}

const isRouted6 = ({ driver, ipv6, configOnly }: Network): boolean =>
  driver === "bridge" && ipv6 && !configOnly;

/** Each by itself: one that stands against the host as it is now must not keep the engine from starting. */
async function ensureOwn(
  { kernel, logger }: ReconcileOptions,
  networks: readonly Network[],
  facts: HostState,
): Promise<ReadonlyMap<NetworkID, string>> {
  const unusable = new Map<NetworkID, string>();
  for (const network of networks) {
    if (isDefault(network) || network.configOnly) continue;
    const driver = drivers[network.driver];
    try {
      driver.refuse(network, facts);
      const plan = driver.ensure(network, facts);
      if (plan.length > 0) await kernel.apply(plan);
    } catch (thrown) {
      unusable.set(network.id, messageOf(thrown));
      logger.error({ network: network.id }, `network ${network.name} is left out: ${messageOf(thrown)}`);
    }
  }
  return unusable;
}

/** Endpoints of networks whose record was lost have nothing to stand on. */
function onKnown(record: SandboxRecord, networks: readonly Network[], logger: Logger): SandboxRecord {
  const { sandbox } = record;
  const ids = new Set(networks.map(({ id }) => id));
  const lost = sandbox.endpoints.filter(({ network }) => !ids.has(network));
  for (const { networkName, containerName } of lost) {
    logger.error(
      { container: sandbox.container },
      `${containerName} was on network ${networkName}, which is gone: restart it`,
    );
  }
  if (lost.length === 0) return record;
  return {
    ...record,
    sandbox: { ...sandbox, endpoints: sandbox.endpoints.filter(({ network }) => ids.has(network)) },
  };
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

/** Indexes are the kernel's to tell: the store has none. */
async function withIndexes(
  kernel: Kernel,
  records: readonly SandboxRecord[],
): Promise<readonly SandboxRecord[]> {
  const links = new Map((await kernel.links()).map((link) => [link.name, link]));
  const indexed = (endpoint: Endpoint): Endpoint => {
    const link = links.get(endpoint.hostInterface ?? "");
    if (!link) return endpoint;
    const { ifindex, peer } = link;
    return { ...endpoint, ifindex, ...(peer !== undefined && { peerIfindex: peer }) };
  };
  return records.map((record) => {
    const { sandbox } = record;
    return { ...record, sandbox: { ...sandbox, endpoints: sandbox.endpoints.map(indexed) } };
  });
}

/** Forwarding that stays off, as the administrator wants it: said once, since containers reach nothing then. */
export async function warnOfNoForwarding(
  kernel: Kernel,
  settings: NetworkSettings,
  logger: Logger,
): Promise<void> {
  if (settings.ipForward || (await kernel.readSysctl(FORWARDING[4])) !== "0") return;
  logger.warn({}, `${FORWARDING[4]} is off: containers reach nothing outside this host`);
}
