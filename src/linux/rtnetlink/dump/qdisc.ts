/**
 * Queueing disciplines, tc(8), linux/rtnetlink.h:
 * ```c
 * struct tcmsg {
 *   unsigned char tcm_family, tcm__pad1;
 *   unsigned short tcm__pad2;
 *   int tcm_ifindex;
 *   __u32 tcm_handle, tcm_parent, tcm_info;
 * };
 * ```
 */
import { LITTLE_ENDIAN, viewOf } from "../../bytes.ts";
import { Fields } from "../../netlink/fields.ts";
import type { Request } from "../../netlink/socket.ts";

const RTM_GETQDISC = 38;
const TCMSG_SIZE = 20;
const TCA_KIND = 1;

/** They let every packet pass that there is room for, and change none. */
const ONLY_QUEUE: ReadonlySet<string> = new Set([
  "noqueue",
  "pfifo_fast",
  "pfifo",
  "bfifo",
  "pfifo_head_drop",
  "fq",
  "fq_codel",
  "codel",
  "sfq",
  "mq",
  "multiq",
  "prio",
  "fq_pie",
  "pie",
  "cake",
]);

const fields = new Fields();

/** A discipline, or a place for filters (`clsact`, `ingress`), that may do more to packets than have them wait. */
export function readActiveQdisc(
  payload: Uint8Array,
): { readonly ifindex: number; readonly kind: string } | undefined {
  if (payload.length < TCMSG_SIZE) return undefined;
  const kind = fields.of(payload, TCMSG_SIZE).text(TCA_KIND);
  if (kind === undefined || ONLY_QUEUE.has(kind)) return undefined;
  return { ifindex: viewOf(payload).getInt32(4, LITTLE_ENDIAN), kind };
}

/** Ask for those of all links: for `NetlinkSocket.dump`. */
export const askQdiscs = (what: string): Request => ({
  what,
  type: RTM_GETQDISC,
  body: (to) => to.zeros(TCMSG_SIZE),
});
