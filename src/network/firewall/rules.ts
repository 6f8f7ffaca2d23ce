import { type Elements, defineSets, type TableName, tableRef } from "./elements.ts";

/**
 * Addresses of the host's loopback on no other link: with route_localnet a neighbour, or a container, would
 * reach services that listen on 127.0.0.1 (CVE-2020-8558). Before any translation.
 */
const MARTIANS = `
	chain martians {
		type filter hook prerouting priority raw; policy accept;
		iifname != "lo" ip saddr 127.0.0.0/8 drop
		iifname != "lo" ip daddr 127.0.0.0/8 drop
	}
`;

/**
 * What enters a bridge passes only as an answer, whether it comes from outside, from a neighbour that
 * routes at us, or from another bridge. `icc` is looked at here as well as in the guard: with
 * bridge-nf-call-iptables, frames between two ports of one bridge come by.
 */
const FORWARD = `
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname . oifname @icc accept
		oifname @bridges goto inbound
		iifname @bridges accept
		meta nfproto @unrouted drop
	}

	chain inbound {
		ct state established,related accept
		drop
	}
`;

const POSTROUTING = `
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname . ip saddr @local4 accept
		ip saddr @masquerade4 masquerade
	}
`;

/**
 * A container speaks with its own MAC and IPv4 address, and speaks nothing but IPv4 and ARP: that leaves
 * out router advertisements and VLAN tags. Its ARP says the same, or asks from 0.0.0.0 whether an address
 * is free (RFC 5227). It offers no DHCP leases. In prerouting, since what the host routes never comes to
 * the bridge's forward hook. The bridge family is without connection tracking: every rule is stateless.
 */
const GUARD = `
	chain prerouting {
		type filter hook prerouting priority dstnat; policy accept;
		iifname @ports goto port
	}

	chain port {
		iifname . ether saddr != @senders drop
		ether type ip goto from_ip4
		ether type arp goto from_arp
		drop
	}

	chain from_ip4 {
		udp sport 67 udp dport 68 drop
		iifname . ether saddr . ip saddr @owners4 accept
		drop
	}

	chain from_arp {
		iifname . arp saddr ether != @senders drop
		iifname . arp saddr ether . arp saddr ip @owners4 accept
		arp operation request arp saddr ip 0.0.0.0 accept
		drop
	}
`;

/**
 * Frames to the addresses that bridges keep to themselves (IEEE 802.1Q table 8-1) pass prerouting by, and
 * still teach the bridge where their sender is.
 */
const RESERVED = `
	chain input {
		type filter hook input priority filter; policy accept;
		iifname @ports ether daddr 01:80:c2:00:00:00-01:80:c2:00:00:0f drop
	}
`;

const SEPARATED = `
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname @separated oifname @separated drop
	}
`;

const table = (name: TableName, elements: Elements, ...chains: readonly string[]): string =>
  `table ${tableRef(name)} {\n${defineSets(name, elements)}${chains.join("")}}\n`;

/** Our tables, whole, in the words and the layout of `nft list ruleset`. */
export const rules = (elements: Elements): string =>
  table("inet", elements, MARTIANS, FORWARD, POSTROUTING) +
  table("guard", elements, GUARD, RESERVED, SEPARATED);

/**
 * Commands that make our tables what they shall be from whatever they are, in one transaction: a packet
 * meets the old rules or the new. Adding a table first makes deleting it no failure. No other table is
 * touched.
 */
export const loadRules = (elements: Elements): string => dropRules() + rules(elements);

/** Commands that take our tables away, if they are there. */
export const dropRules = (): string =>
  (["inet", "guard"] as const)
    .map(tableRef)
    .map((table) => `add table ${table}\ndelete table ${table}\n`)
    .join("");
