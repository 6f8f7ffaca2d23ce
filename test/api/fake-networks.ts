/** Networks that are records only: the three default ones, and those that a test makes. */
import { forbidden, invalid, notFound } from "../../src/lib/errors.ts";
import { formatTime, nowNanoseconds } from "../../src/lib/events.ts";
import { type NetworkID, newId } from "../../src/lib/ids.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { Network, NetworkRequest, Networks } from "../../src/network/types.ts";
import type { Entry } from "./fake-container.ts";

const now = () => formatTime(nowNanoseconds());

export interface FakeNetworks extends Networks {
  /** What was asked of `create`. */
  readonly requests: readonly NetworkRequest[];
}

export function fakeNetworks(entries: ReadonlyMap<string, Entry>): FakeNetworks {
  const all = [network("bridge", "bridge"), network("host", "host"), network("none", "null")];
  const predefined = new Set(all);
  const requests: NetworkRequest[] = [];
  const unused = async () => {
    throw new Error("not of the API");
  };
  const find = (reference: string) => {
    const found =
      all.find(({ id, name }) => name === reference || id === reference) ??
      all.find(({ id }) => id.startsWith(reference));
    if (!found) throw notFound(`network ${reference} not found`);
    return found;
  };
  const take = (gone: readonly Network[]) => {
    for (const each of gone) all.splice(all.indexOf(each), 1);
    return gone;
  };
  const endpointsOf = (network: NetworkID) =>
    [...entries.values()]
      .flatMap(({ sandbox }) => sandbox?.endpoints ?? [])
      .filter((endpoint) => endpoint.network === network);
  return {
    requests,
    start: unused,
    stop: unused,
    warnings: () => ["WARNING: another firewall drops forwarded packets"],
    list: () => all,
    find,
    create: async (request) => {
      if (request.name === "") throw invalid("invalid name: name is empty");
      requests.push(request);
      const made = { ...network(request.name, "bridge"), ...described(request) };
      all.push(made);
      return { network: made, warning: request.labels?.warn ?? "" };
    },
    remove: async (reference) => {
      const found = find(reference);
      if (predefined.has(found)) {
        throw forbidden(`${found.name} is a pre-defined network and cannot be removed`);
      }
      take([found]);
    },
    prune: async (select) => take(all.filter((each) => !predefined.has(each) && select(each))),
    endpointsOf,
    sandboxOf: (container) => entries.get(container)?.sandbox,
    trafficOf: async () => [],
    check: () => {},
    checkConnect: ({ network }) => find(network),
    openSandbox: unused,
    closeSandbox: unused,
    connect: unused,
    disconnect: unused,
    publish: unused,
    unpublish: unused,
    renameContainer: unused,
  };
}

function described({ ipam, labels, options, internal, ipv6, configOnly, configFrom }: NetworkRequest) {
  const pools = (ipam?.config ?? []).map(({ subnet = "", range, gateway, auxiliary = {} }) => ({
    subnet: parsePrefix(subnet),
    ...(range && { range: parsePrefix(range) }),
    ...(gateway && { gateway: parseAddress(gateway) }),
    auxiliary: Object.fromEntries(
      Object.entries(auxiliary).map(([name, text]) => [name, parseAddress(text)]),
    ),
  }));
  return {
    ipam: { driver: ipam?.driver ?? "default", options: ipam?.options ?? null, pools },
    labels: labels ?? {},
    options: options ?? {},
    internal: internal ?? false,
    ipv6: ipv6 ?? false,
    ...(configOnly && { configOnly }),
    ...(configFrom !== undefined && { configFrom }),
  };
}

function network(name: string, driver: "bridge" | "host" | "null"): Network {
  return {
    id: newId<NetworkID>(),
    name,
    driver,
    created: now(),
    internal: false,
    attachable: false,
    ipv4: true,
    ipv6: false,
    ipam: {
      driver: "default",
      options: null,
      pools:
        driver === "bridge"
          ? [{ subnet: parsePrefix("172.17.0.0/16"), gateway: parseAddress("172.17.0.1"), auxiliary: {} }]
          : [],
    },
    options: driver === "bridge" ? { "com.docker.network.bridge.name": "docker0" } : {},
    labels: {},
  };
}
