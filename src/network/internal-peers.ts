/** Who is on an internal network, by the address that is seen. */
import { readFileSync } from "node:fs";
import { codeOf } from "../lib/errors.ts";
import { type Address, contains } from "../lib/ip.ts";
import type { SocketAddress } from "../linux/sockaddr.ts";
import { bridgeOptions } from "./bridge/options.ts";
import type { Network } from "./types.ts";

/** `::ffff:0:0/96`: an IPv4 address, as a socket of both families tells it (RFC 4291 section 2.5.5.2). */
const MAPPED = 0xffffn;

const unmapped = (address: Address): Address =>
  address.family === 6 && address.bits >> 32n === MAPPED
    ? { family: 4, bits: address.bits & 0xffff_ffffn }
    : address;

/** Whether a peer of a socket of the host's is a container of an internal network: it leaves that by no relay either. */
export function isOnInternal({ address, scope }: SocketAddress, networks: readonly Network[]): boolean {
  const seen = unmapped(address);
  return networks.some(
    (network) =>
      network.internal &&
      network.driver === "bridge" &&
      !network.configOnly &&
      (network.ipam.pools.some(({ subnet }) => contains(subnet, seen)) ||
        // Link-local addresses are the same on every link.
        (scope !== undefined && scope === indexOf(bridgeOptions(network).name))),
  );
}

function indexOf(link: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${link}/ifindex`, "utf8"));
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
