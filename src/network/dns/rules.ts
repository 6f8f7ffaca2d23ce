import { formatAddress } from "../../lib/ip.ts";
import { RESOLVER_ADDRESS, RESOLVER_PORT } from "./types.ts";

const resolver = formatAddress(RESOLVER_ADDRESS);

/**
 * The way to the resolver in a sandbox: what goes to port 53 of its address is written to the port that it really
 * listens on, and what comes from there to 53. Without connection tracking, so that a question costs no entry of it.
 */
export const RESOLVER_RULES = `table ip drawbridge-dns {
	chain output {
		type filter hook output priority raw; policy accept;
		ip daddr ${resolver} udp dport 53 udp dport set ${RESOLVER_PORT}
		ip saddr ${resolver} udp sport ${RESOLVER_PORT} udp sport set 53
		ip daddr ${resolver} tcp dport 53 tcp dport set ${RESOLVER_PORT}
		ip saddr ${resolver} tcp sport ${RESOLVER_PORT} tcp sport set 53
	}
}
`;
