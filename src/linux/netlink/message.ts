/**
 * Netlink messages, linux/netlink.h and netlink(7):
 * ```c
 * struct nlmsghdr {
 *   __u32 nlmsg_len;    // header included, padding not
 *   __u16 nlmsg_type;
 *   __u16 nlmsg_flags;
 *   __u32 nlmsg_seq;
 *   __u32 nlmsg_pid;    // the socket's port
 * };
 * struct nlmsgerr {     // the payload of NLMSG_ERROR; error 0 is an acknowledgement
 *   int error;          // negative errno
 *   struct nlmsghdr msg;
 *   // the refused message's payload, unless NLM_F_CAPPED; then attributes, where NLM_F_ACK_TLVS
 * };
 * ```
 */
import { align4, LITTLE_ENDIAN, readCString, readU32, viewOf, type Writer } from "../bytes.ts";
import { attributesOf, putString, putU32 } from "./attribute.ts";

const NLMSG_HDRLEN = 16;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
/** The table changed while it was being told: ask again. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_EXCL = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;

export interface Header {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
}

export interface Message extends Header {
  /** A view into what was read. */
  readonly payload: Uint8Array;
}

/** Write one message whose payload `body` writes. */
export function putMessage(to: Writer, header: Header, body: (to: Writer) => void): void {
  const start = to.length;
  to.u32(0).u16(header.type).u16(header.flags).u32(header.sequence).u32(header.port);
  body(to);
  to.setU32(start, to.length - start);
  to.pad4();
}

/** The messages in `bytes`, in their order, up to the first that does not fit (NLMSG_OK). Nothing throws. */
export function readMessages(bytes: Uint8Array): Message[] {
  const view = viewOf(bytes);
  const found: Message[] = [];
  let at = 0;
  while (at + NLMSG_HDRLEN <= bytes.length) {
    const length = view.getUint32(at, LITTLE_ENDIAN);
    if (length < NLMSG_HDRLEN || at + length > bytes.length) break;
    found.push({
      type: view.getUint16(at + 4, LITTLE_ENDIAN),
      flags: view.getUint16(at + 6, LITTLE_ENDIAN),
      sequence: view.getUint32(at + 8, LITTLE_ENDIAN),
      port: view.getUint32(at + 12, LITTLE_ENDIAN),
      payload: bytes.subarray(at + NLMSG_HDRLEN, at + length),
    });
    at += align4(length);
  }
  return found;
}

/** What an NLMSG_ERROR says. */
export interface Acknowledgement {
  /** Positive, as in errno.h; 0 where the request was carried out. */
  readonly errno: number;
  /** The kernel's own words (NETLINK_EXT_ACK), where it had any. */
  readonly text?: string;
  /** Which byte of the request was at fault. */
  readonly offset?: number;
}

/** Write the payload of an NLMSG_ERROR that answers `request`, capped. */
export function putAcknowledgement(to: Writer, ack: Acknowledgement, request: Header): void {
  to.i32(-ack.errno);
  putMessage(to, request, () => {});
  if (ack.text !== undefined) putString(to, NLMSGERR_ATTR_MSG, ack.text);
  if (ack.offset !== undefined) putU32(to, NLMSGERR_ATTR_OFFS, ack.offset);
}

/** The acknowledgement in an NLMSG_ERROR, or undefined where its payload is no such thing. */
export function readAcknowledgement(message: Message): Acknowledgement | undefined {
  const { payload, flags } = message;
  if (payload.length < 4 + NLMSG_HDRLEN) return undefined;
  const view = viewOf(payload);
  const errno = 0 - view.getInt32(0, LITTLE_ENDIAN); // not a minus sign: that makes -0
  if (errno < 0) return undefined;
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno };
  const echoed = flags & NLM_F_CAPPED ? NLMSG_HDRLEN : align4(view.getUint32(4, LITTLE_ENDIAN));
  const attributes = attributesOf(payload.subarray(4 + echoed));
  const text = attributes.get(NLMSGERR_ATTR_MSG);
  const offset = readU32(attributes.get(NLMSGERR_ATTR_OFFS));
  return {
    errno,
    ...(text && { text: readCString(text) }),
    ...(offset !== undefined && { offset }),
  };
}
