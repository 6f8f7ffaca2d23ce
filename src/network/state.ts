/** What the networks intend, in memory and in the store. Encoders and decoders stand side by side. */
import { randomBytes } from "node:crypto";
import type { ContainerID, EndpointID } from "../lib/ids.ts";
import {
  addressFromBytes,
  formatAddress,
  formatPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "../lib/ip.ts";
import type { UndoStack } from "../lib/undo.ts";
import type { Change, Json, Store } from "../store/kv.ts";
import type {
  Endpoint,
  Network,
  Pool,
  PortBinding,
  PublishRequest,
  Sandbox,
  SandboxRequest,
} from "./types.ts";

/** A sandbox with all that it is made from: what a crash must not take. */
export interface SandboxRecord {
  readonly sandbox: Sandbox;
  readonly containerName: string;
  readonly files: Pick<
    SandboxRequest,
    "directory" | "hostname" | "domainname" | "dns" | "dnsSearch" | "dnsOptions" | "extraHosts"
  >;
  /** The one of its endpoints that is being joined: what the kernel has of it may be half of it. */
  readonly joining?: EndpointID;
  /** Ports that were asked for, and wait for a network that can carry them. */
  readonly unpublished: readonly PublishRequest[];
  /**
   * SHA-256 of the resolv.conf that was written last: another content was edited inside, and is left alone.
   * Absent where none is written.
   */
  readonly resolvConf?: string;
  /** The lines that were written into hosts last, those for its own names and links. */
  readonly hosts?: readonly string[];
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
  { subnet: string; gateway?: string; range?: string; auxiliary: Record<string, string> }
>;
type StoredNetwork = Stored<Network, { ipam: Stored<Network["ipam"], { pools: StoredPool[] }> }>;
type StoredEndpoint = Stored<
  Omit<Endpoint, "ifindex" | "peerIfindex">,
  { address?: string; address6?: string; linkLocal?: string[]; gateway?: string; gateway6?: string }
>;
type StoredBinding = Stored<PortBinding, { hostAddress: string }>;
type StoredRequest = Stored<PublishRequest, { hostAddress?: string }>;
/** What a record of an earlier version may lack is optional. */
type StoredSandbox = Stored<
  Sandbox,
  { endpoints: StoredEndpoint[]; ports?: StoredBinding[]; exposed?: Sandbox["exposed"] }
>;
type StoredRecord = Stored<
  SandboxRecord,
  { sandbox: StoredSandbox; containerName?: string; unpublished?: StoredRequest[] }
>;

const encodePool = ({ subnet, gateway, range, auxiliary, automatic }: Pool): StoredPool => ({
  subnet: formatPrefix(subnet),
  ...(gateway && { gateway: formatAddress(gateway) }),
  ...(range && { range: formatPrefix(range) }),
  auxiliary: mapValues(auxiliary, formatAddress),
  ...(automatic && { automatic }),
});
const decodePool = ({ subnet, gateway, range, auxiliary, automatic }: StoredPool): Pool => ({
  subnet: parsePrefix(subnet),
  ...(gateway !== undefined && { gateway: parseAddress(gateway) }),
  ...(range !== undefined && { range: parsePrefix(range) }),
  auxiliary: mapValues(auxiliary, parseAddress),
  ...(automatic && { automatic }),
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
  address6,
  linkLocal,
  gateway,
  gateway6,
  ...endpoint
}: Endpoint): StoredEndpoint => ({
  ...endpoint,
  ...(address && { address: formatPrefix(address) }),
  ...(address6 && { address6: formatPrefix(address6) }),
  ...(linkLocal && { linkLocal: linkLocal.map(formatPrefix) }),
  ...(gateway && { gateway: formatAddress(gateway) }),
  ...(gateway6 && { gateway6: formatAddress(gateway6) }),
});
const decodeEndpoint = ({
  address,
  address6,
  linkLocal,
  gateway,
  gateway6,
  ...stored
}: StoredEndpoint): Endpoint => ({
  ...stored,
  ...(address !== undefined && { address: parsePrefix(address) }),
  ...(address6 !== undefined && { address6: parsePrefix(address6) }),
  ...(linkLocal !== undefined && { linkLocal: linkLocal.map(parsePrefix) }),
  ...(gateway !== undefined && { gateway: parseAddress(gateway) }),
  ...(gateway6 !== undefined && { gateway6: parseAddress(gateway6) }),
});

const encodeBinding = (binding: PortBinding): StoredBinding => ({
  ...binding,
  hostAddress: formatAddress(binding.hostAddress),
});
const decodeBinding = (stored: StoredBinding): PortBinding => ({
  ...stored,
  hostAddress: parseAddress(stored.hostAddress),
});

const encodeRequest = ({ hostAddress, ...request }: PublishRequest): StoredRequest => ({
  ...request,
  ...(hostAddress && { hostAddress: formatAddress(hostAddress) }),
});
const decodeRequest = ({ hostAddress, ...stored }: StoredRequest): PublishRequest => ({
  ...stored,
  ...(hostAddress !== undefined && { hostAddress: parseAddress(hostAddress) }),
});

const encodeRecord = (record: SandboxRecord): StoredRecord => ({
  ...record,
  sandbox: {
    ...record.sandbox,
    endpoints: record.sandbox.endpoints.map(encodeEndpoint),
    ports: record.sandbox.ports.map(encodeBinding),
  },
  unpublished: record.unpublished.map(encodeRequest),
});
const decodeRecord = ({
  sandbox,
  unpublished = [],
  containerName = sandbox.endpoints[0]?.containerName ?? "",
  ...stored
}: StoredRecord): SandboxRecord => ({
  ...stored,
  containerName,
  sandbox: {
    ...sandbox,
    endpoints: sandbox.endpoints.map(decodeEndpoint),
    ports: (sandbox.ports ?? []).map(decodeBinding),
    exposed: sandbox.exposed ?? [],
  },
  unpublished: unpublished.map(decodeRequest),
});

const NETWORKS = "network/";
const SANDBOXES = "sandbox/";
const SYSCTLS = "host-sysctl/";
const UNIQUE_LOCAL = "unique-local-prefix";

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

/** Keep a change of a sandbox, and the way back from it. */
export async function recordChange(
  store: Store,
  before: SandboxRecord,
  after: SandboxRecord,
  undo: UndoStack,
): Promise<void> {
  await store.commit([putSandbox(after)]);
  undo.push("record it", () => store.commit([putSandbox(before)]));
}

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

export async function loadSysctls(
  store: Store,
  onDamage: OnDamage,
): Promise<ReadonlyMap<string, SysctlRecord>> {
  const keys = (await store.list(SYSCTLS)).map(({ key }) => key.slice(SYSCTLS.length));
  const records = await load(store, SYSCTLS, onDamage, (value) => fromJson<SysctlRecord>(value));
  return new Map(records.flatMap((record, at) => (keys[at] === undefined ? [] : [[keys[at], record]])));
}

export async function loadSysctl(store: Store, key: string): Promise<SysctlRecord | undefined> {
  const stored = await store.get(SYSCTLS + key);
  return stored === undefined ? undefined : fromJson<SysctlRecord>(stored);
}

/**
 * The engine's own unique local prefix, made once and kept from then on (RFC 4193 section 3.2.2: fd00::/8 and 40 random
 * bits).
 */
export async function uniqueLocalPrefix(store: Store): Promise<Prefix> {
  const kept = await store.get(UNIQUE_LOCAL);
  if (typeof kept === "string") return parsePrefix(kept);
  const address = addressFromBytes(Uint8Array.of(0xfd, ...randomBytes(5), ...new Uint8Array(10)));
  return { address, length: 48 };
}
export const dropUniqueLocal: Change = { key: UNIQUE_LOCAL };
export const putUniqueLocal = (prefix: Prefix): Change => ({
  key: UNIQUE_LOCAL,
  value: formatPrefix(prefix),
});
