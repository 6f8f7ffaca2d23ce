/**
 * Many containers as the engine leaves them in the kernel, without the engine's processes: namespaces made by its network
 * core on its bridges, with its rules, pairs, addresses, routes, resolvers and published ports; and a server in each.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asError } from "../../src/lib/errors.ts";
import { type ContainerID, newId } from "../../src/lib/ids.ts";
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { silent } from "../../src/lib/log.ts";
import type { Kernel } from "../../src/linux/kernel.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { inNamespace } from "../../src/linux/netns.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { Reactor } from "../../src/linux/reactor.ts";
import { createNetworks } from "../../src/network/controller.ts";
import { createDns } from "../../src/network/dns/dns.ts";
import { createHostPorts } from "../../src/network/port/host-ports.ts";
import type { NetworkSettings } from "../../src/network/settings.ts";
import type { Network, Networks, Sandbox } from "../../src/network/types.ts";
import type { Engine, EngineContainer, EngineNetwork } from "../../src/observe/types.ts";
import { MemoryStore } from "../../src/store/memory.ts";

/** Beside the default one. A bridge has at most 1,023 ports. */
export const NETWORKS = ["bridge", "blue", "green", "red"] as const;
/** One in so many publishes its server's port. */
export const PUBLISHING = 4;
export const FIRST_PORT = 20_000;
export const SERVED = 80;
/** The host's address on its way out. */
export const HOST = "203.0.113.2";
/** Beyond the outside router: an address that is reached under the host's own. */
export const FAR = "198.51.100.1";

const SETTINGS: NetworkSettings = {
  bridge: { name: "docker0", mtu: 1500, icc: true, ipv6: false, hostBindingIp: parseAddress("0.0.0.0") },
  ipMasq: true,
  ipForward: true,
  ipForwardNoDrop: false,
  firewallAdmit: false,
  defaultAddressPools: [],
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
};

/** The way out: `eth0` of the host leads to a router that knows no container. */
const OUTSIDE = `
ip netns add outside
ip link add eth0 type veth peer name eth0 netns outside
ip addr add ${HOST}/24 dev eth0
ip link set eth0 up
ip route add default via 203.0.113.1
ip -n outside addr add 203.0.113.1/24 dev eth0
ip -n outside addr add ${FAR}/32 dev lo
ip -n outside link set lo up
ip -n outside link set eth0 up
nsenter --net=/run/netns/outside sysctl -qw net.ipv4.icmp_ratelimit=0`;

/** In private namespaces (support/isolated.ts): all of it goes with them, files in /run as well. */
export class Crowd implements AsyncDisposable {
  readonly #directory = mkdtempSync("/run/crowd-");
  readonly #reactor = new Reactor((thrown) => {
    throw asError(thrown);
  });
  readonly #ports = createHostPorts({ reactor: this.#reactor, logger: silent });
  readonly #dns = createDns({ logger: silent });
  readonly #kernel: Kernel;
  readonly #networks: Networks;
  readonly #sandboxes: { readonly name: string; readonly sandbox: Sandbox; readonly pid: number }[] = [];

  private constructor(kernel: Kernel) {
    this.#kernel = kernel;
    const resolvConf = join(this.#directory, "resolv.conf");
    // The servers have the reader's files. Nobody answers names out there, and says so at once.
    writeFileSync(resolvConf, "nameserver 203.0.113.1\n");
    execFileSync("mount", ["--bind", resolvConf, "/etc/resolv.conf"]);
    this.#networks = createNetworks({
      kernel,
      store: new MemoryStore(),
      events: { publish: () => {} },
      logger: silent,
      execRoot: join(this.#directory, "exec"),
      ports: this.#ports,
      dns: this.#dns,
      settings: SETTINGS,
      hostPaths: { hosts: "/etc/hosts", resolvConf, resolvedUpstreams: resolvConf },
    });
  }

  static async gather(): Promise<Crowd> {
    execFileSync("sh", ["-ec", OUTSIDE]);
    const crowd = new Crowd(await startKernel());
    await crowd.#networks.start(new Set());
    for (const name of NETWORKS.slice(1)) await crowd.#networks.create({ name });
    return crowd;
  }

  get size(): number {
    return this.#sandboxes.length;
  }

  /** Where each is pinned. */
  get paths(): readonly string[] {
    return this.#sandboxes.map(({ sandbox }) => sandbox.key);
  }

  /** Of the first network of one of them. */
  addressOf(i: number): string {
    const address = this.#sandboxes[i]?.sandbox.endpoints[0]?.address;
    if (!address) throw new Error(`${nameOf(i)} has no address`);
    return formatAddress(address.address);
  }

  async grow(size: number): Promise<void> {
    while (this.size < size) await this.#add(this.size);
  }

  /** What the engine would say of them. */
  get engine(): Engine {
    return {
      kind: "drawbridge",
      socket: join(this.#directory, "drawbridge.sock"),
      version: "0",
      containers: this.#sandboxes.map(containerOf),
      networks: this.#networks.list().map(networkOf),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#networks.stop();
    await this.#ports.stop();
    await this.#dns.stop();
    await this.#kernel.close();
    await this.#reactor.close();
    for (const { pid } of this.#sandboxes) process.kill(pid, "SIGKILL");
  }

  async #add(i: number): Promise<void> {
    const name = nameOf(i);
    const directory = join(this.#directory, name);
    mkdirSync(directory);
    const sandbox = await this.#networks.openSandbox({
      container: newId<ContainerID>(),
      containerName: name,
      hostname: name,
      domainname: "",
      mode: { kind: "own", endpoints: [{ network: NETWORKS[i % NETWORKS.length] ?? NETWORKS[0] }] },
      directory,
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: [],
      sysctls: {},
      ports: isPublishing(i)
        ? [{ protocol: "tcp", port: SERVED, hostPorts: { first: portOf(i), last: portOf(i) } }]
        : [],
      exposed: [],
    });
    this.#sandboxes.push({ name, sandbox, pid: serve(sandbox.key) });
  }
}

export const nameOf = (i: number): string => `crowd${i}`;
export const portOf = (i: number): number => FIRST_PORT + i;
export const isPublishing = (i: number): boolean => i % PUBLISHING === 0;

/** @returns the process that listens in the namespace */
function serve(path: NetnsPath): number {
  const { pid } = inNamespace(path, () => {
    const server = spawn("busybox", ["httpd", "-f", "-p", String(SERVED), "-h", "/run"], { stdio: "ignore" });
    server.unref();
    return { pid: server.pid };
  });
  if (pid === undefined) throw new Error("busybox could not be started");
  return pid;
}

const containerOf = ({
  name,
  sandbox,
  pid,
}: {
  name: string;
  sandbox: Sandbox;
  pid: number;
}): EngineContainer => ({
  engine: "drawbridge",
  id: sandbox.container,
  name,
  image: "busybox",
  state: "running",
  pid,
  sandboxKey: sandbox.key,
  networkMode: sandbox.endpoints[0]?.networkName ?? "none",
  endpoints: sandbox.endpoints.map(({ networkName, network, address, gateway, mac }) => ({
    network: networkName,
    networkId: network,
    addresses: address ? [address] : [],
    gateways: gateway ? [gateway] : [],
    ...(mac && { mac }),
    aliases: [name],
  })),
  ports: sandbox.ports
    .filter(({ hostAddress }) => hostAddress.family === 4)
    .map(({ protocol, port, hostPort }) => ({ protocol, containerPort: port, host: { port: hostPort } })),
});

function networkOf(network: Network): EngineNetwork {
  const bridge = network.options["com.docker.network.bridge.name"] ?? `br-${network.id.slice(0, 12)}`;
  return {
    id: network.id,
    name: network.name,
    driver: network.driver,
    ...(network.driver === "bridge" && { bridge }),
    subnets: network.ipam.pools.map(({ subnet, gateway }) => ({ subnet, ...(gateway && { gateway }) })),
    internal: network.internal,
    icc: true,
    ipv6: network.ipv6,
    options: network.options,
  };
}
