/** What messages to nftables have in common, linux/netfilter/nfnetlink.h and nf_tables.h. */
import { putNetfilter } from "../netlink/netfilter.ts";
import type { Request } from "../netlink/socket.ts";

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;

/** The type of a message, of its number in `enum nf_tables_msg_types`. */
export const nftMessage = (number: number): number => (NFNL_SUBSYS_NFTABLES << 8) | number;

/** Families of tables by nft's names for them, linux/netfilter.h. */
export const NFPROTO = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

const end = (type: number): Request => ({
  what: "nftables transaction",
  type,
  body: (to) => putNetfilter(to, 0, NFNL_SUBSYS_NFTABLES),
});

/** What stands around a transaction: for `NetlinkSocket.batch`. */
export const TRANSACTION = [end(NFNL_MSG_BATCH_BEGIN), end(NFNL_MSG_BATCH_END)] as const;
