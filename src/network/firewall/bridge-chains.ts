/** What a container's port may send, and to whom. As `nft list ruleset` prints it. */

/**
 * A container speaks with its own MAC and IP addresses, and speaks nothing but IPv4, IPv6 and ARP: that leaves out
 * VLAN tags. In prerouting, since what the host routes never comes to the bridge's forward hook. The bridge family is
 * without connection tracking: every rule is stateless.
 */
const PORT = `
	chain prerouting {
		type filter hook prerouting priority dstnat; policy accept;
		iifname @ports goto port
	}

	chain port {
		iifname . ether saddr != @senders drop
		ether type ip goto from_ip4
		ether type arp goto from_arp
		ether type ip6 goto from_ip6
		drop
	}
`;

/** No DHCP leases. ARP says who the port is, or asks from 0.0.0.0 whether an address is free (RFC 5227). */
const IPV4 = `
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
 * No router advertisements, no redirects, no DHCPv6 leases; neighbour advertisements for its own addresses alone
 * (the target is 8 bytes into the message, RFC 4861 section 4.4). From the unspecified address: duplicate address
 * detection (RFC 4862) and multicast listener reports (RFC 3810). Fragmented neighbour discovery is no neighbour
 * discovery (RFC 6980); where the fragment does not show what it is, its source tells: routers advertise from
 * link-local addresses.
 */
const IPV6 = `
	chain from_ip6 {
		icmpv6 type { nd-router-advert, nd-redirect } drop
		udp sport 547 udp dport 546 drop
		exthdr frag exists ip6 saddr fe80::/10 drop
		exthdr frag exists icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } drop
		icmpv6 type nd-neighbor-advert iifname . ether saddr . @th,64,128 != @targets6 drop
		iifname . ether saddr . ip6 saddr @owners6 accept
		ip6 saddr :: icmpv6 type { nd-neighbor-solicit, mld2-listener-report } accept
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

/** Ports that don't reach each other still find each other: what a link opens between them needs that. */
const SEPARATED = `
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname @separated oifname @separated goto between
	}

	chain between {
		ether type arp accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		iifname . oifname . meta l4proto . th dport @linked accept
		oifname . iifname . meta l4proto . th sport @linked accept
		drop
	}
`;

export const BRIDGE_CHAINS: readonly string[] = [PORT, IPV4, IPV6, RESERVED, SEPARATED];
