/**
 * What a namespace calls another: a number of its own for each that it has to do with, linux/net_namespace.h.
 * ```c
 * struct rtgenmsg { unsigned char rtgen_family; };
 * ```
 */
import { putU32 } from "../../netlink/attribute.ts";
import { Fields } from "../../netlink/fields.ts";
import type { Request } from "../../netlink/socket.ts";

const RTM_GETNSID = 90;
/** Padded. */
const RTGENMSG_SIZE = 4;

const NETNSA_NSID = 1;
const NETNSA_FD = 3;

const fields = new Fields();

/** The number that an RTM_NEWNSID tells, or undefined where there is none (NETNSA_NSID_NOT_ASSIGNED). */
export function readNamespaceId(payload: Uint8Array): number | undefined {
  const id = fields.of(payload, RTGENMSG_SIZE).i32(NETNSA_NSID);
  return id === undefined || id < 0 ? undefined : id;
}

/** Ask what number the socket's namespace has for the one that `fd` has open. @param hear gets undefined for none */
export const askNamespaceId = (
  what: string,
  fd: number,
  hear: (id: number | undefined) => void,
): Request => ({
  what,
  type: RTM_GETNSID,
  body: (to) => {
    to.zeros(RTGENMSG_SIZE);
    putU32(to, NETNSA_FD, fd);
  },
  answer: ({ payload }) => hear(readNamespaceId(payload)),
});
