/** The three default networks, of nothing. */
import { notFound } from "../../src/lib/errors.ts";
import { formatTime, nowNanoseconds } from "../../src/lib/events.ts";
import { type NetworkID, newId } from "../../src/lib/ids.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { Network, Networks } from "../../src/network/types.ts";
import type { Entry } from "./fake-container.ts";

const now = () => formatTime(nowNanoseconds());

export function fakeNetworks(entries: ReadonlyMap<string, Entry>): Networks {
  const all = [network("bridge", "bridge"), network("host", "host"), network("none", "null")];
  const unused = async () => {
    throw new Error("not of the API");
  };
  return {
    start: unused,
    stop: unused,
    list: () => all,
    find: (reference) => {
      const found = all.find(({ id, name }) => name === reference || id.startsWith(reference));
      if (!found) throw notFound(`network ${reference} not found`);
      return found;
    },
    endpointsOf: (network) =>
      [...entries.values()]
        .flatMap(({ sandbox }) => sandbox?.endpoints ?? [])
        .filter((endpoint) => endpoint.network === network),
    sandboxOf: (container) => entries.get(container)?.sandbox,
    check: () => {},
    openSandbox: unused,
    closeSandbox: unused,
    renameContainer: unused,
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
      options: {},
      pools:
        driver === "bridge"
          ? [{ subnet: parsePrefix("172.17.0.0/16"), gateway: parseAddress("172.17.0.1"), auxiliary: {} }]
          : [],
    },
    options: driver === "bridge" ? { "com.docker.network.bridge.name": "docker0" } : {},
    labels: {},
  };
}
