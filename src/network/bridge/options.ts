import { internal } from "../../lib/errors.ts";
import type { Network, Pool } from "../types.ts";

/** Docker's names for a bridge network's options. */
export const OPTION = {
  defaultBridge: "com.docker.network.bridge.default_bridge",
  icc: "com.docker.network.bridge.enable_icc",
  masquerade: "com.docker.network.bridge.enable_ip_masquerade",
  hostBinding: "com.docker.network.bridge.host_binding_ipv4",
  name: "com.docker.network.bridge.name",
  mtu: "com.docker.network.driver.mtu",
} as const;

/** Docker's name for an auxiliary address that is the default gateway in place of the bridge's own. */
export const DEFAULT_GATEWAY = "DefaultGatewayIPv4";

export interface BridgeOptions {
  /** Of the link. */
  readonly name: string;
  /** Bytes. */
  readonly mtu: number;
  readonly icc: boolean;
  readonly masquerade: boolean;
  readonly pool: Pool;
}

/** A bridge network's options, read. @throws internal for a stored network without a name, an MTU or a pool */
export function bridgeOptions(network: Network): BridgeOptions {
  const { options, ipam } = network;
  const name = options[OPTION.name];
  const mtu = Number(options[OPTION.mtu]);
  const pool = ipam.pools.find(({ subnet }) => subnet.address.family === 4);
  if (name === undefined || !Number.isInteger(mtu) || !pool) {
    throw internal(`network ${network.name}: its link's name, its MTU or its subnet is missing`);
  }
  return {
    name,
    mtu,
    icc: options[OPTION.icc] === "true",
    masquerade: options[OPTION.masquerade] === "true",
    pool,
  };
}
