/**
 * How port 53 of the resolver's address leads to the port that it listens on: both are written over as packets
 * pass, without connection tracking. So the container's own port 53 stays free, 0.0.0.0 included.
 */
import { formatAddress } from "../../lib/ip.ts";
import type { PortRewrites } from "../../linux/plan.ts";
import { RESOLVER_ADDRESS, RESOLVER_PORT } from "./types.ts";

const address = formatAddress(RESOLVER_ADDRESS);

/** For a new network namespace. Its packets are its own: `output` sees both directions on `lo`. */
export const RESOLVER_REWRITES: PortRewrites = {
  table: "drawbridge-dns",
  ports: [{ address: RESOLVER_ADDRESS, from: 53, to: RESOLVER_PORT }],
};

/** The same as `nft list ruleset` shows it there. */
export const RESOLVER_RULES = `table ip ${RESOLVER_REWRITES.table} {
	chain output {
		type filter hook output priority raw; policy accept;
		ip daddr ${address} udp dport 53 udp dport set ${RESOLVER_PORT}
		ip saddr ${address} udp sport ${RESOLVER_PORT} udp sport set 53
		ip daddr ${address} tcp dport 53 tcp dport set ${RESOLVER_PORT}
		ip saddr ${address} tcp sport ${RESOLVER_PORT} tcp sport set 53
	}
}
`;
