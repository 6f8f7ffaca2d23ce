/**
 * The administrator's own table: the engine makes it where there is none, and from then on leaves it alone, so that
 * what is put into it outlives the engine's restarts and the repair of its own tables. It comes before the engine's
 * forward chain; it can close what that would let pass, and opens nothing that that drops.
 */

/** As nft(8) addresses it. */
export const ADMIN_TABLE = "inet drawbridge-admin";

/**
 * `closed` names published ports by what the client asked for, since here they are translated already; nft 1.0 takes
 * `ct original proto-dst` for a port only beside a protocol that is said. Answers are dropped as well, so that closing
 * a port ends the connections through it.
 */
const ADMIN_RULES = `table ${ADMIN_TABLE} {
	set closed {
		type inet_proto . inet_service
	}

	set closed_from {
		type ifname . inet_proto . inet_service
	}

	set denied4 {
		type ipv4_addr
		flags interval
	}

	set denied6 {
		type ipv6_addr
		flags interval
	}

	chain forward {
		type filter hook forward priority filter - 10; policy accept;
		ct status dnat jump published
		meta oifkind "bridge" jump entering
	}

	chain published {
		meta l4proto tcp meta l4proto . ct original proto-dst @closed drop
		meta l4proto udp meta l4proto . ct original proto-dst @closed drop
		meta l4proto sctp meta l4proto . ct original proto-dst @closed drop
		meta l4proto tcp iifname . meta l4proto . ct original proto-dst @closed_from drop
		meta l4proto udp iifname . meta l4proto . ct original proto-dst @closed_from drop
		meta l4proto sctp iifname . meta l4proto . ct original proto-dst @closed_from drop
	}

	chain entering {
		ct direction original ip saddr @denied4 drop
		ct direction original ip6 saddr @denied6 drop
		jump user
	}

	chain user {
	}
}
`;

/** For a host that has no such table: loaded over one, its rules would stand there twice. */
export const makeAdminTable = (): string => ADMIN_RULES;

/** @param listed what `nft list table` prints of it. Whether it is as the engine made it, and can go with the rest. */
export const isAdminTableUntouched = (listed: string): boolean => listed.trim() === ADMIN_RULES.trim();

export const dropAdminTable = (): string => `delete table ${ADMIN_TABLE}\n`;
