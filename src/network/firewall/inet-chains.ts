/** What is routed: who reaches whom, and under which address. As `nft list ruleset` prints it. */

/**
 * Addresses of the host's loopback on no other link, before any translation: with route_localnet a neighbour, or a
 * container, would reach services that listen on 127.0.0.1 (CVE-2020-8558). Of IPv6 the kernel itself drops ::1 there
 * (net/ipv6/ip6_input.c, ip6_rcv_core).
 */
const MARTIANS = `
	chain martians {
		type filter hook prerouting priority raw; policy accept;
		iifname "lo" accept
		ip saddr 127.0.0.0/8 drop
		ip daddr 127.0.0.0/8 drop
	}
`;

/**
 * Published ports lead to their containers, for those who come by a link and for the host itself: a lookup or two for
 * the first packet of a connection, however many there are. What comes to ::1 or a link-local address can't leave by
 * another link under any name: it stays for whoever listens on the host.
 */
const PUBLISHED = `
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		goto published
	}

	chain output {
		type nat hook output priority -100; policy accept;
		goto published
	}

	chain published {
		dnat ip to meta l4proto . ip daddr . th dport map @published4
		dnat ip6 to meta l4proto . ip6 daddr . th dport map @published6
		ip6 daddr { ::1, fe80::/10 } return
		fib daddr type local dnat ip to meta l4proto . th dport map @published4_any
		fib daddr type local dnat ip6 to meta l4proto . th dport map @published6_any
	}
`;

/**
 * What enters a bridge passes only as an answer or by invitation, whether it comes from outside, from a neighbour that
 * routes at us, or from another bridge. An internal bridge is entered and left by nothing at all. `icc` and links are
 * looked at here as well as in the guard: with bridge-nf-call-iptables, frames between two ports of one bridge come by,
 * neighbour discovery among them. That has no hop behind it; where it has, nobody heeds it (RFC 4861 section 7.1).
 */
const FORWARD = `
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname @internal goto inside
		oifname @internal goto inside
		ct state established,related accept
		iifname . oifname @icc accept
		oifname @bridges goto inbound
		iifname @bridges accept
		meta nfproto @unrouted drop
	}

	chain inside {
		iifname . oifname @icc accept
		jump between
		ct state established,related iifname . ip daddr . ip saddr . meta l4proto . th sport @linked4 accept
		ct state established,related iifname . ip6 daddr . ip6 saddr . meta l4proto . th sport @linked6 accept
		drop
	}

	chain inbound {
		ct status dnat oifname . ip daddr . meta l4proto . th dport @admitted4 accept
		ct status dnat oifname . ip6 daddr . meta l4proto . th dport @admitted6 accept
		oifname . ip daddr . meta l4proto . th dport @exposed4 accept
		oifname . ip6 daddr . meta l4proto . th dport @exposed6 accept
		icmp type echo-request meta nfproto . oifname @routed accept
		icmpv6 type echo-request meta nfproto . oifname @routed accept
		meta nfproto . oifname @open accept
		iifname . oifname @trusted goto trusted
		jump between
		drop
	}

	chain between {
		ip6 hoplimit 255 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		iifname . ip saddr . ip daddr . meta l4proto . th dport @linked4 accept
		iifname . ip6 saddr . ip6 daddr . meta l4proto . th dport @linked6 accept
	}

	chain trusted {
		oifname . ip daddr . meta l4proto . th dport @admitted4 accept
		oifname . ip6 daddr . meta l4proto . th dport @admitted6 accept
		drop
	}
`;

/** Of the host itself a guarded network reaches DNS, and what it was asked by. */
const INPUT = `
	chain input {
		type filter hook input priority filter; policy accept;
		iifname @guarded goto guarded
	}

	chain guarded {
		ct state established,related accept
		meta l4proto { tcp, udp } th dport 53 accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		drop
	}
`;

/**
 * What stays on its bridge keeps its own address, unless it was led back there by a published port: then it must come
 * back by way of this host to be translated again. So must what comes from the host's loopback. All else leaves under
 * an address of the user's choice, or of the link that it leaves by.
 */
const POSTROUTING = `
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname . ip saddr @local4 ct status dnat masquerade
		oifname . ip6 saddr @local6 ct status dnat masquerade
		oifname . ip saddr @local4 accept
		oifname . ip6 saddr @local6 accept
		oifname @bridges ip saddr 127.0.0.0/8 masquerade
		snat ip to ip saddr map @snat4
		snat ip6 to ip6 saddr map @snat6
		ip saddr @masquerade4 masquerade
		ip6 saddr @masquerade6 masquerade
	}
`;

export const INET_CHAINS: readonly string[] = [MARTIANS, PUBLISHED, FORWARD, INPUT, POSTROUTING];
