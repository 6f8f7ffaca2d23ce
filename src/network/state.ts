/** What the networks intend, in memory and in the store. Encoders and decoders stand side by side. */
import type { ContainerID } from "../lib/ids.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../lib/ip.ts";
import type { Change, Json, Store } from "../store/kv.ts";
import type { Endpoint, Network, Pool, Sandbox, SandboxRequest } from "./types.ts";

/** A sandbox with all that it is made from: what a crash must not take. */
export interface SandboxRecord {
  readonly sandbox: Sandbox;
  readonly files: Pick<
    SandboxRequest,
    "directory" | "hostname" | "domainname" | "dns" | "dnsSearch" | "dnsOptions" | "extraHosts"
  >;
  /**
   * SHA-256 of the resolv.conf that was written last: another content was edited inside, and is left alone.
   * Absent where none is written.
   */
  readonly resolvConf?: string;
}

/** A host-wide sysctl that the engine changed. */
export interface SysctlRecord {
  readonly before: string;
  /** The boot in which it was changed: the next one starts from the administrator's own value. */
  readonly boot: string;
}

type Stored<T, Changed> = Omit<T, keyof Changed> & Changed;

type StoredPool = Stored<
  Pool,
  { subnet: string; gateway: string; range?: string; auxiliary: Record<string, string> }
>;
type StoredNetwork = Stored<Network, { ipam: Stored<Network["ipam"], { pools: StoredPool[] }> }>;
type StoredEndpoint = Stored<
  Omit<Endpoint, "ifindex" | "peerIfindex">,
  { address?: string; gateway?: string }
>;
type StoredRecord = Stored<SandboxRecord, { sandbox: Stored<Sandbox, { endpoints: StoredEndpoint[] }> }>;

const encodePool = (pool: Pool): StoredPool => ({
  subnet: formatPrefix(pool.subnet),
  gateway: formatAddress(pool.gateway),
  ...(pool.range && { range: formatPrefix(pool.range) }),
  auxiliary: mapValues(pool.auxiliary, formatAddress),
});
const decodePool = (stored: StoredPool): Pool => ({
  subnet: parsePrefix(stored.subnet),
  gateway: parseAddress(stored.gateway),
  ...(stored.range !== undefined && { range: parsePrefix(stored.range) }),
  auxiliary: mapValues(stored.auxiliary, parseAddress),
});

const mapValues = <A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));

export const encodeNetwork = (network: Network): StoredNetwork => ({
  ...network,
  ipam: { ...network.ipam, pools: network.ipam.pools.map(encodePool) },
});
export const decodeNetwork = (stored: StoredNetwork): Network => ({
  ...stored,
  ipam: { ...stored.ipam, pools: stored.ipam.pools.map(decodePool) },
});

/** Without the interfaces' indexes: those are read from the kernel. */
const encodeEndpoint = ({
  ifindex: _,
  peerIfindex: __,
  address,
  gateway,
  ...endpoint
}: Endpoint): StoredEndpoint => ({
  ...endpoint,
  ...(address && { address: formatPrefix(address) }),
  ...(gateway && { gateway: formatAddress(gateway) }),
});
const decodeEndpoint = ({ address, gateway, ...stored }: StoredEndpoint): Endpoint => ({
  ...stored,
  ...(address !== undefined && { address: parsePrefix(address) }),
  ...(gateway !== undefined && { gateway: parseAddress(gateway) }),
});

const encodeRecord = (record: SandboxRecord): StoredRecord => ({
  ...record,
  sandbox: { ...record.sandbox, endpoints: record.sandbox.endpoints.map(encodeEndpoint) },
});
const decodeRecord = (stored: StoredRecord): SandboxRecord => ({
  ...stored,
  sandbox: { ...stored.sandbox, endpoints: stored.sandbox.endpoints.map(decodeEndpoint) },
});

const NETWORKS = "network/";
const SANDBOXES = "sandbox/";
const SYSCTLS = "host-sysctl/";

// The store's JSON is our own: its shape is what the encoders above made.
const toJson = (value: unknown): Json => value as Json;
const fromJson = <T>(json: Json): T => json as unknown as T;

export const putNetwork = (network: Network): Change => ({
  key: NETWORKS + network.id,
  value: toJson(encodeNetwork(network)),
});
export const dropNetwork = (network: Network): Change => ({ key: NETWORKS + network.id });

export const putSandbox = (record: SandboxRecord): Change => ({
  key: SANDBOXES + record.sandbox.container,
  value: toJson(encodeRecord(record)),
});
export const dropSandbox = (container: ContainerID): Change => ({ key: SANDBOXES + container });

export const putSysctl = (key: string, record: SysctlRecord): Change => ({
  key: SYSCTLS + key,
  value: toJson(record),
});
export const dropSysctl = (key: string): Change => ({ key: SYSCTLS + key });

/** Told of a record that is not what was written, and is left out. */
export type OnDamage = (key: string, cause: unknown) => void;

export const loadNetworks = (store: Store, onDamage: OnDamage): Promise<Network[]> =>
  load(store, NETWORKS, onDamage, (value) => decodeNetwork(fromJson(value)));

export const loadSandboxes = (store: Store, onDamage: OnDamage): Promise<SandboxRecord[]> =>
  load(store, SANDBOXES, onDamage, (value) => decodeRecord(fromJson(value)));

async function load<T>(
  store: Store,
  prefix: string,
  onDamage: OnDamage,
  decode: (value: Json) => T,
): Promise<T[]> {
  return (await store.list(prefix)).flatMap(({ key, value }) => {
    try {
      return [decode(value)];
    } catch (thrown) {
      onDamage(key, thrown);
      return [];
    }
  });
}

export async function loadSysctl(store: Store, key: string): Promise<SysctlRecord | undefined> {
  const stored = await store.get(SYSCTLS + key);
  return stored === undefined ? undefined : fromJson<SysctlRecord>(stored);
}
