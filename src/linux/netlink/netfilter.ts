/**
 * What every message to netfilter begins with, linux/netfilter/nfnetlink.h:
 * ```c
 * struct nfgenmsg {
 *   __u8 nfgen_family;   // NFPROTO_*
 *   __u8 version;        // NFNETLINK_V0
 *   __be16 res_id;       // NFNL_SUBSYS_* at the ends of a batch
 * };
 * ```
 */
import type { Writer } from "../bytes.ts";

export const NFGENMSG_SIZE = 4;

export const putNetfilter = (to: Writer, family: number, resource = 0): Writer =>
  to.u8(family).u8(0).be16(resource);
