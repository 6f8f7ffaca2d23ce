/**
 * Networks and containers as the bridge driver makes them, with the rules over them, and hosts around: for tests of
 * who reaches whom, without an engine. For files that run in private namespaces (see support/isolated.ts).
 */
import { after } from "node:test";
import { newId } from "../../src/lib/ids.ts";
import { type Address, formatAddress, parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { Kernel } from "../../src/linux/kernel.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { NetnsPath, Plan } from "../../src/linux/plan.ts";
import { bridgeOptions } from "../../src/network/bridge/options.ts";
import { designNetwork } from "../../src/network/create.ts";
import { drivers } from "../../src/network/drivers.ts";
import { type Elements, toSetElements } from "../../src/network/firewall/elements.ts";
import { loadRules } from "../../src/network/firewall/rules.ts";
import { PROTOCOL_NUMBERS } from "../../src/network/port/protocols.ts";
import type { Endpoint, Network, NetworkRequest, PortBinding, Protocol } from "../../src/network/types.ts";
import type { Party } from "../support/matrix.ts";
import { settings } from "../support/networks.ts";
import type { Place } from "../support/probe.ts";
import { sh } from "../support/probe.ts";

const driver = drivers.bridge;

/** A container: its namespace with one interface. */
export interface Member extends Party {
  readonly netns: NetnsPath;
  readonly endpoint: Required<Endpoint>;
  readonly network: Network;
}

export const HOST: Place = { name: "host", netns: undefined };

const text = (address: Address | undefined): string => (address ? formatAddress(address) : "none");

/** `8080:80/tcp`, `127.0.0.1:8080:80/udp`, `[2001:db8::2]:8080:80/tcp`. */
export function binding(spec: string): PortBinding {
  const [, host = "0.0.0.0", hostPort, port, protocol] =
    /^(?:\[?([0-9a-f.:]+?)\]?:)?(\d+):(\d+)\/(\w+)$/.exec(spec) ?? [];
  return {
    hostAddress: parseAddress(host),
    hostPort: Number(hostPort),
    port: Number(port),
    protocol: protocol as Protocol,
  };
}

export class Lab {
  readonly kernel: Kernel;
  /** 203.0.113.1 and 2001:db8::1, at the other end of the host's eth0. */
  readonly outside: Place = place("outside");
  readonly #networks: Network[] = [];
  readonly #members: Member[] = [];

  private constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** A host with a link to the outside. Its own defences are off: the rules alone shall hold. */
  static async start(): Promise<Lab> {
    const lab = new Lab(await startKernel());
    after(() => lab.kernel.close());
    sh(`sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
      sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
      sysctl -qw net.ipv4.conf.all.accept_local=1 net.ipv6.conf.default.accept_dad=0`);
    await lab.kernel.nft(loadRules({}));
    lab.addHost("outside", "eth0", {
      gateway: ["203.0.113.2/24", "2001:db8::2/64"],
      host: ["203.0.113.1/24", "2001:db8::1/64"],
    });
    sh("ip route add default via 203.0.113.1; ip -6 route add default via 2001:db8::1");
    return lab;
  }

  /** A neighbour behind a link of the host. */
  addHost(
    name: string,
    link: string,
    { gateway, host }: { readonly gateway: readonly string[]; readonly host: readonly string[] },
  ): Place {
    const give = (addresses: readonly string[], command: string, dev: string) =>
      addresses
        .map((each) => `${command} addr add ${each} dev ${dev}${each.includes(":") ? " nodad" : ""}`)
        .join("\n");
    sh(`set -e; ip netns add ${name}
      ip netns exec ${name} sysctl -qw net.ipv6.conf.default.accept_dad=0
      ip link add ${link} type veth peer name eth0 netns ${name}
      ${give(gateway, "ip", link)}
      ${give(host, `ip -n ${name}`, "eth0")}
      ip link set ${link} up; ip -n ${name} link set lo up; ip -n ${name} link set eth0 up
      # Asking for an end brings its carrier up to date.
      ip link show ${link} >&2; ip -n ${name} link show eth0 >&2`);
    return place(name);
  }

  /** A network as `docker network create` makes it; of both families, unless told. */
  async network(name: string, request: Partial<NetworkRequest> = {}): Promise<Network> {
    const number = this.#networks.length + 1;
    const pools = [{ subnet: `10.${number}.0.0/24` }, { subnet: `fd00:${number}::/64` }];
    const facts = await this.#facts();
    const { network } = designNetwork(
      { name, ipv6: true, ipam: { config: pools }, ...request },
      { networks: this.#networks, facts, settings, ula: parsePrefix("fd12:3456:789a::/48"), spent: [] },
    );
    await this.add(driver.elements(network));
    await this.kernel.apply(driver.ensure(network, facts));
    this.#networks.push(network);
    return network;
  }

  async #facts() {
    const [links, addresses, routes] = await Promise.all([
      this.kernel.links(),
      this.kernel.addresses(),
      this.kernel.routes(),
    ]);
    return { links, addresses, routes };
  }

  async join(network: Network, name: string): Promise<Member> {
    const others = this.#members
      .filter((member) => member.network === network)
      .map(({ endpoint }) => endpoint);
    const endpoint = {
      id: newId(),
      network: network.id,
      networkName: network.name,
      container: newId(),
      containerName: name,
      aliases: [],
      dnsNames: [],
      ...driver.connect(network, others, { taken: [] }),
    } as unknown as Required<Endpoint>;
    const netns = `/run/netns/${name}` as NetnsPath;
    await this.add(driver.endpointElements(network, endpoint));
    const ways: Plan = [endpoint.gateway, endpoint.gateway6].flatMap((via) =>
      via ? [{ do: "add-route", netns, to: "default", via } as const] : [],
    );
    const sysctls = { "net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.lo.disable_ipv6": "0" };
    await this.kernel.apply([
      { do: "add-netns", path: netns, sysctls },
      ...driver.attach(network, endpoint, netns),
      ...ways,
    ]);
    const [address4, address6] = [text(endpoint.address?.address), text(endpoint.address6?.address)];
    const [gateway4, gateway6] = [this.gateway(network, 4), this.gateway(network, 6)];
    const member: Member = { name, netns, network, endpoint, address4, address6, gateway4, gateway6 };
    this.#members.push(member);
    return member;
  }

  /** Back to where it was, after it was taken off its bridge. */
  async rejoin({ network, endpoint }: Member): Promise<void> {
    await this.kernel.apply(driver.rejoin(network, [endpoint], await this.#facts()));
  }

  publish({ network, endpoint }: Member, ...specs: readonly string[]): Promise<void> {
    return this.add(driver.portElements(network, endpoint, specs.map(binding)));
  }

  /** What `--link from:…` opens where containers may not reach each other. */
  link(from: Member, to: Member, protocol: Protocol, port: number): Promise<void> {
    const bridge = { ifname: bridgeOptions(from.network).name };
    const there = [{ protocol: PROTOCOL_NUMBERS[protocol] }, { port }];
    const { address: a, address6: a6, hostInterface: end } = from.endpoint;
    const { address: b, address6: b6, hostInterface: otherEnd } = to.endpoint;
    return this.add({
      linked: [[{ ifname: end }, { ifname: otherEnd }, ...there]],
      linked4: [[bridge, { address: a.address }, { address: b.address }, ...there]],
      linked6: [[bridge, { address: a6.address }, { address: b6.address }, ...there]],
    });
  }

  /** As the engine adds them, one by one. */
  async add(elements: Elements): Promise<void> {
    await this.kernel.apply([
      { do: "add-elements", about: "add firewall elements", elements: toSetElements(elements) },
    ]);
  }

  /** The bridge's address. */
  gateway(network: Network, family: 4 | 6): string {
    const pool = network.ipam.pools.find(({ subnet }) => subnet.address.family === family);
    return text(pool?.gateway);
  }
}

const place = (name: string): Place => ({ name, netns: `/run/netns/${name}` as NetnsPath });
