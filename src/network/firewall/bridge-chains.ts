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
		ether type ip goto from_ip4
		ether type ip6 goto from_ip6
		ether type arp goto from_arp
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
		iifname . ether saddr != @senders drop
		iifname . arp saddr ether != @senders drop
		iifname . arp saddr ether . arp saddr ip @owners4 accept
		arp operation request arp saddr ip 0.0.0.0 accept
		drop
	}
`;

/**
 * No DHCPv6 leases, no router advertisements, no redirects. Neighbour discovery tells of the port's own addresses
 * alone: 8 bytes into the message stands its target, which for an advertisement, and for a question whether an address
 * is free (from ::, RFC 4862), is the one spoken of; 24 bytes into it an option may name its link-layer address
 * (RFC 4861 sections 4.3, 4.4 and 4.6.1), and after that nothing. From ::, multicast listener reports as well
 * (RFC 3590, RFC 3810).
 */
const IPV6 = `
	chain from_ip6 {
		exthdr frag exists goto from_fragment6
		meta l4proto ipv6-icmp goto from_icmp6
		udp sport 547 udp dport 546 drop
		iifname . ether saddr . ip6 saddr @owners6 accept
		drop
	}

	chain from_icmp6 {
		icmpv6 type { nd-router-advert, nd-redirect } drop
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } goto from_neighbour
		iifname . ether saddr . ip6 saddr @owners6 accept
		iifname . ether saddr @senders6 ip6 saddr :: icmpv6 type { mld-listener-report, mld2-listener-report } accept
		drop
	}

	chain from_neighbour {
		ip6 length > 32 drop
		@th,192,16 { 0x101, 0x201 } iifname . @th,208,48 != @announced6 drop
		icmpv6 type nd-neighbor-solicit iifname . ether saddr . ip6 saddr @owners6 accept
		iifname . @th,64,128 != @targets6 drop
		iifname . ether saddr . ip6 saddr @owners6 accept
		iifname . ether saddr @senders6 ip6 saddr :: icmpv6 type nd-neighbor-solicit accept
		drop
	}
`;

/**
 * Fragmented neighbour discovery is none (RFC 6980), and a first fragment that does not show what it carries may hide
 * it (RFC 7113). Advertisements of routers come from link-local addresses, from where nobody else needs fragments.
 */
const FRAGMENTS6 = `
	chain from_fragment6 {
		ip6 saddr fe80::/10 drop
		frag frag-off != 0 iifname . ether saddr . ip6 saddr @owners6 accept
		icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } drop
		udp sport 547 udp dport 546 drop
		meta l4proto 0-255 iifname . ether saddr . ip6 saddr @owners6 accept
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

/**
 * Ports that don't reach each other still find each other: what a link opens between them needs that. A frame that was
 * sent to the bridge itself and comes by here was led to a published port (bridge-nf-call-iptables), and table `inet`
 * judges it. Answers begin no connection, as far as that can be seen without tracking. Where a port is in hairpin mode,
 * what it sends to all does not come back to it: it would take that for another's claim to its address.
 */
const SEPARATED = `
	chain forward {
		type filter hook forward priority filter; policy accept;
		meta pkttype { broadcast, multicast } oifname . ether saddr @senders drop
		iifname @separated oifname @separated goto between
	}

	chain between {
		meta pkttype host accept
		ether type arp accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		iifname . oifname . meta l4proto . th dport @linked accept
		tcp flags & (syn | ack) == syn drop
		oifname . iifname . meta l4proto . th sport @linked accept
		drop
	}
`;

export const BRIDGE_CHAINS: readonly string[] = [PORT, IPV4, IPV6, FRAGMENTS6, RESERVED, SEPARATED];
