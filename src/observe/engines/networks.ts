/** Networks: `GET /networks` of Docker's API, and podman's own form, of `GET /libpod/networks/json` and its files. */
import { type Prefix, parsePrefix, tryParseAddress } from "../../lib/ip.ts";
import { type Json, objectAt, objectsOf, textAt, textMapOf } from "./json.ts";
import type { EngineNetwork } from "./types.ts";

export const networksOf = (answer: unknown): readonly EngineNetwork[] => objectsOf(answer).map(networkOf);

function networkOf(network: Json): EngineNetwork {
  const id = textAt(network, "Id");
  const driver = textAt(network, "Driver");
  const options = textMapOf(objectAt(network, "Options"));
  const bridge =
    driver === "bridge"
      ? { bridge: options["com.docker.network.bridge.name"] || `br-${id.slice(0, 12)}` }
      : {};
  return {
    id,
    name: textAt(network, "Name"),
    driver,
    ...bridge,
    subnets: objectsOf(objectAt(network, "IPAM").Config).flatMap((pool) =>
      subnetOf(pool, "Subnet", "Gateway"),
    ),
    internal: network.Internal === true,
    icc: options["com.docker.network.bridge.enable_icc"] !== "false",
    ipv6: network.EnableIPv6 === true,
    ...mtuOf(options["com.docker.network.driver.mtu"]),
    options,
  };
}

/** Podman's networks: containers on one always speak with each other, but those that are `isolate`d with no other network. */
export const podmanNetworksOf = (answer: unknown): readonly EngineNetwork[] =>
  objectsOf(answer).map(podmanNetworkOf);

function podmanNetworkOf(network: Json): EngineNetwork {
  const options = textMapOf(objectAt(network, "options"));
  const bridge = textAt(network, "network_interface");
  return {
    id: textAt(network, "id"),
    name: textAt(network, "name"),
    driver: textAt(network, "driver"),
    ...(bridge && { bridge }),
    subnets: objectsOf(network.subnets).flatMap((pool) => subnetOf(pool, "subnet", "gateway")),
    internal: network.internal === true,
    icc: true,
    ipv6: network.ipv6_enabled === true,
    ...mtuOf(options.mtu),
    options,
  };
}

function subnetOf(pool: Json, subnet: string, gateway: string): EngineNetwork["subnets"] {
  const prefix = tryPrefix(textAt(pool, subnet));
  const address = tryParseAddress(textAt(pool, gateway).split("/")[0] ?? "");
  return prefix ? [{ subnet: prefix, ...(address && { gateway: address }) }] : [];
}

function tryPrefix(text: string): Prefix | undefined {
  try {
    return parsePrefix(text);
  } catch {
    return undefined; // another's text: no subnet that could be compared with any
  }
}

const mtuOf = (text: string | undefined): { readonly mtu?: number } =>
  /^[1-9]\d*$/.test(text ?? "") ? { mtu: Number(text) } : {};
