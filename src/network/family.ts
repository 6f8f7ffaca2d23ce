/** What networks and their endpoints have of each family. */
import { type Address, FAMILIES, type Family } from "../lib/ip.ts";
import type { Endpoint, Network, Pool } from "./types.ts";

type Addressed = Pick<Endpoint, "address" | "address6">;

export const hasFamily = ({ ipv4, ipv6 }: Pick<Network, "ipv4" | "ipv6">, family: Family): boolean =>
  family === 4 ? ipv4 : ipv6;

export const poolsOf = ({ ipam }: Pick<Network, "ipam">, family: Family): readonly Pool[] =>
  ipam.pools.filter(({ subnet }) => subnet.address.family === family);

export const addressOf = ({ address, address6 }: Addressed, family: Family): Address | undefined =>
  (family === 4 ? address : address6)?.address;

/** IPv4 first. */
export const addressesOf = (endpoint: Addressed): readonly Address[] =>
  FAMILIES.flatMap((family) => addressOf(endpoint, family) ?? []);

export const gatewayOf = (
  { gateway, gateway6 }: Pick<Endpoint, "gateway" | "gateway6">,
  family: Family,
): Address | undefined => (family === 4 ? gateway : gateway6);
