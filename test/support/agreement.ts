/** Who is on which network, as each of those that know says it: containers, networks, kernel, firewall, store. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedStore } from "../../src/store/embedded.ts";
import type { EngineProcess } from "./engine-process.ts";
import type { ThrowawayHost } from "./host.ts";
import { linksOf } from "./inspect.ts";

interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Running: boolean };
  readonly NetworkSettings: {
    readonly SandboxKey: string;
    readonly Ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>;
    readonly Networks: Readonly<
      Record<
        string,
        {
          readonly NetworkID: string;
          readonly EndpointID: string;
          readonly IPAddress: string;
          readonly IPPrefixLen: number;
          readonly MacAddress: string;
          readonly Gateway: string;
        }
      >
    >;
  };
}

interface Network {
  readonly Id: string;
  readonly Name: string;
  readonly Containers: Readonly<
    Record<string, { Name: string; EndpointID: string; IPv4Address: string; MacAddress: string }>
  >;
}

async function get<T>(engine: EngineProcess, path: string): Promise<T> {
  const { status, text } = await engine.request("GET", path);
  assert.equal(status, 200, text);
  return JSON.parse(text) as T;
}

/**
 * All tell the same of the containers that run.
 * @returns container and network by name, a line each
 */
export async function networksAgree(host: ThrowawayHost, engine: EngineProcess): Promise<readonly string[]> {
  const listed = await get<readonly { Id: string }[]>(engine, "/containers/json?all=1");
  const containers = await Promise.all(
    listed.map(({ Id }) => get<Container>(engine, `/containers/${Id}/json`)),
  );
  const known = await get<readonly { Id: string }[]>(engine, "/networks");
  const networks = await Promise.all(known.map(({ Id }) => get<Network>(engine, `/networks/${Id}`)));
  const running = containers.filter(({ State }) => State.Running);

  const byContainers = running.flatMap(({ Id, Name, NetworkSettings }) =>
    Object.entries(NetworkSettings.Networks).map(([network, each]) => ({
      container: Name.slice(1),
      id: Id,
      key: NetworkSettings.SandboxKey,
      network,
      networkId: each.NetworkID,
      endpoint: each.EndpointID,
      address: `${each.IPAddress}/${each.IPPrefixLen}`,
      mac: each.MacAddress,
    })),
  );
  const byNetworks = networks.flatMap(({ Id, Name, Containers }) =>
    Object.entries(Containers).map(([container, each]) =>
      [Name, Id, each.Name, container, each.EndpointID, each.IPv4Address, each.MacAddress].join(" "),
    ),
  );
  const lines = byContainers.map((on) =>
    [on.network, on.networkId, on.container, on.id, on.endpoint, on.address, on.mac].join(" "),
  );
  assert.deepEqual(byNetworks.sort(), lines.sort(), "networks and containers");
  assert.equal(
    new Set(byContainers.map(({ address }) => address)).size,
    byContainers.length,
    "an address each",
  );

  const veths = (await linksOf(host)).filter(({ linkinfo }) => linkinfo?.info_kind === "veth");
  const ends = veths.filter(({ ifname }) => ifname.startsWith("veth"));
  assert.deepEqual(
    ends.map(({ ifalias, master }) => `${ifalias} ${master}`).sort(),
    byContainers.map((on) => `${on.container} @ ${on.network} ${bridgeOf(on.network, on.networkId)}`).sort(),
    "links and containers",
  );
  for (const { NetworkSettings, Name } of running) {
    const inside = (await linksOf(host, NetworkSettings.SandboxKey)).filter(({ ifname }) => ifname !== "lo");
    const mine = byContainers.filter(({ container }) => container === Name.slice(1));
    assert.deepEqual(
      inside.map((link) => [link.address, ...link.addr_info.filter(isIpv4).map(textOf)].join(" ")).sort(),
      mine.map(({ mac, address }) => `${mac} ${address}`).sort(),
      `inside ${Name}`,
    );
    const [first] = Object.entries(NetworkSettings.Networks).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const routes = await host.run("nsenter", [
      `--net=${NetworkSettings.SandboxKey}`,
      "ip",
      "route",
      "show",
      "default",
    ]);
    assert.deepEqual(
      [...routes.stdout.matchAll(/via (\S+)/g)].map(([, via]) => via),
      first ? [first[1].Gateway] : [],
      `the way out of ${Name}`,
    );
  }

  const portOf = new Map(ends.map(({ ifalias, ifname }) => [ifalias, ifname]));
  const owners = byContainers.map(
    ({ container, network, mac, address }) =>
      `${portOf.get(`${container} @ ${network}`)} ${mac} ${address.replace(/\/.*/, "")}`,
  );
  assert.deepEqual(await elementsOf(host, "bridge drawbridge-guard owners4"), owners.sort(), "owners");
  const ports = ends.map(({ ifname }) => ifname).sort();
  assert.deepEqual(await elementsOf(host, "bridge drawbridge-guard ports"), ports, "guarded ports");
  const published = running.flatMap(({ NetworkSettings }) =>
    Object.entries(NetworkSettings.Ports).flatMap(([port, bindings]) =>
      (bindings ?? [])
        .filter(({ HostIp }) => HostIp === "0.0.0.0")
        .map(({ HostPort }) => `${port.split("/")[1]} ${HostPort}`),
    ),
  );
  const translated = await elementsOf(host, "inet drawbridge published4_any");
  assert.deepEqual(
    translated.map((element) => element.split(" ").slice(0, 2).join(" ")),
    published.sort(),
    "published ports",
  );

  const stored = await storedEndpoints(host);
  assert.deepEqual(
    stored.sandboxes,
    byContainers.map((on) => [on.id, on.networkId, on.endpoint, on.address].join(" ")).sort(),
    "the store's sandboxes and containers",
  );
  const intended = new Map(
    running.map(({ Id, NetworkSettings }) => [Id, Object.keys(NetworkSettings.Networks).sort()]),
  );
  for (const [id, names] of intended)
    assert.deepEqual(stored.containers.get(id), names, "the store's containers");
  return byContainers.map(({ container, network }) => `${container} ${network}`).sort();
}

const bridgeOf = (name: string, id: string): string =>
  name === "bridge" ? "docker0" : `br-${id.slice(0, 12)}`;

const isIpv4 = ({ family }: { readonly family: string }): boolean => family === "inet";
const textOf = ({ local, prefixlen }: { readonly local: string; readonly prefixlen: number }): string =>
  `${local}/${prefixlen}`;

/** Of a set or map by its table, its data with a space between. */
async function elementsOf(host: ThrowawayHost, set: string): Promise<readonly string[]> {
  const kind = set.includes("published") ? "map" : "set";
  const { stdout } = await host.run("nft", ["-j", "list", kind, ...set.split(" ")]);
  const { nftables } = JSON.parse(stdout) as {
    readonly nftables: readonly Readonly<Record<string, { readonly elem?: readonly unknown[] }>>[];
  };
  const elements = nftables.flatMap((each) => each[kind]?.elem ?? []);
  return elements.map((element) => flat(element).join(" ")).sort();
}

/** `{"concat": […]}`, `[key, value]`, or a plain one. */
const flat = (value: unknown): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap(flat);
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(flat);
  return [String(value)];
};

/** All keys of the store as it is on disk. */
export const storedKeys = (host: ThrowawayHost): Promise<readonly string[]> =>
  withStore(host, (store) => store.keys(""));

/** A copy of the store as it is on disk: its own file is the engine's alone. */
async function withStore<T>(host: ThrowawayHost, use: (store: EmbeddedStore) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-store-"));
  try {
    for (const name of ["drawbridge.db", "drawbridge.db-wal"]) {
      if (existsSync(join(host.dataRoot, name)))
        copyFileSync(join(host.dataRoot, name), join(directory, name));
    }
    const store = new EmbeddedStore(join(directory, "drawbridge.db"));
    const used = await use(store);
    await store.close();
    return used;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function storedEndpoints(host: ThrowawayHost) {
  return withStore(host, async (store) => {
    const sandboxes = await store.list("sandbox/");
    const containers = await store.list("container/");
    return {
      sandboxes: sandboxes
        .flatMap(({ value }) => {
          const { container, endpoints } = (value as unknown as StoredSandbox).sandbox;
          return endpoints.map((on) => [container, on.network, on.id, on.address].join(" "));
        })
        .sort(),
      containers: new Map(
        containers
          .filter(({ key }) => key.endsWith("/config"))
          .map(({ key, value }) => [
            key.split("/")[1],
            Object.keys((value as unknown as { endpoints: object }).endpoints).sort(),
          ]),
      ),
    };
  });
}

interface StoredSandbox {
  readonly sandbox: {
    readonly container: string;
    readonly endpoints: readonly {
      readonly id: string;
      readonly network: string;
      readonly address: string;
    }[];
  };
}
