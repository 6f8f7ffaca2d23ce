/** What is routed: who reaches whom, and under which address. As `nft list ruleset` prints it. */

/**
 * Addresses of the host's loopback on no other link: with route_localnet a neighbour, or a container, would
 * reach services that listen on 127.0.0.1 (CVE-2020-8558). Before any translation. Of IPv6, the kernel itself drops
 * ::1 on other links (net/ipv6/ip6_input.c).
 */
const MARTIANS = `
	chain martians {
		type filter hook prerouting priority raw; policy accept;
		iifname != "lo" ip saddr 127.0.0.0/8 drop
		iifname != "lo" ip daddr 127.0.0.0/8 drop
	}
`;

/** Published ports lead to their containers, for those who come by a link and for the host itself. One lookup each. */
const TRANSLATION = `
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
		fib daddr type local dnat ip to meta l4proto . th dport map @published4_any
		fib daddr type local dnat ip6 to meta l4proto . th dport map @published6_any
	}
`;

/**
 * What enters a bridge passes only as an answer or by invitation, whether it comes from outside, from a neighbour that
 * routes at us, or from another bridge. An internal bridge is entered and left by nothing at all. `icc` is looked at
 * here as well as in the guard: with bridge-nf-call-iptables, frames between two ports of one bridge come by.
 */
const FORWARD = `
	chain forward {
		type filter hook forward priority filter; policy accept;
		iifname . oifname @icc accept
		iifname @internal goto inside
		oifname @internal goto inside
		oifname @bridges goto inbound
		iifname @bridges accept
		meta nfproto @unrouted drop
	}

	chain inside {
		iifname @internal oifname @internal ct state established,related accept
		iifname . ip saddr . ip daddr . meta l4proto . th dport @linked4 accept
		iifname . ip6 saddr . ip6 daddr . meta l4proto . th dport @linked6 accept
		drop
	}

	chain inbound {
		ct state established,related accept
		ct status dnat oifname . ip daddr . meta l4proto . th dport @admitted4 accept
		ct status dnat oifname . ip6 daddr . meta l4proto . th dport @admitted6 accept
		oifname . ip daddr . meta l4proto . th dport @exposed4 accept
		oifname . ip6 daddr . meta l4proto . th dport @exposed6 accept
		meta l4proto { icmp, ipv6-icmp } meta nfproto . oifname @routed accept
		meta nfproto . oifname @open accept
		iifname . ip saddr . ip daddr . meta l4proto . th dport @linked4 accept
		iifname . ip6 saddr . ip6 daddr . meta l4proto . th dport @linked6 accept
		iifname . oifname @trusted goto invited
		drop
	}

	chain invited {
		oifname . ip daddr . meta l4proto . th dport @admitted4 accept
		oifname . ip6 daddr . meta l4proto . th dport @admitted6 accept
		drop
	}
`;

/** Of the host's own services, a guarded network reaches DNS, and what the host answers or began itself. */
const INPUT = `
	chain input {
		type filter hook input priority filter; policy accept;
		iifname @guarded goto to_host
	}

	chain to_host {
		ct state established,related accept
		meta l4proto { tcp, udp } th dport 53 accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		drop
	}
`;

/**
 * What was led to a container of the sender's own network, or came from the host's loopback, is answered by way of
 * this host only under an address of the host. What stays on its bridge keeps its own; the rest leaves under an
 * address of the host, or of the user's choice.
 */
const POSTROUTING = `
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname . ip saddr @local4 goto stays
		oifname . ip6 saddr @local6 goto stays
		oifname @bridges ip saddr 127.0.0.0/8 masquerade
		snat ip to ip saddr map @snat4
		snat ip6 to ip6 saddr map @snat6
		ip saddr @masquerade4 masquerade
		ip6 saddr @masquerade6 masquerade
	}

	chain stays {
		ct status dnat masquerade
	}
`;

export const INET_CHAINS: readonly string[] = [MARTIANS, TRANSLATION, FORWARD, INPUT, POSTROUTING];
