/**
 * Elements of nftables sets and maps over nfnetlink, without libnftables: that asks the kernel for its
 * tables and sets before every command. linux/netfilter/nfnetlink.h:
 * ```c
 * struct nfgenmsg {
 *   __u8 nfgen_family;   // NFPROTO_*
 *   __u8 version;        // NFNETLINK_V0
 *   __be16 res_id;       // NFNL_SUBSYS_* at the ends of a batch
 * };
 * ```
 * A batch is a transaction: all of it, or nothing.
 */
import { addressBytes, macBytes } from "../../lib/ip.ts";
import type { Writer } from "../bytes.ts";
import { align4 } from "../bytes.ts";
import { putBytes, putNested, putString } from "../netlink/attribute.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/message.ts";
import type { Request } from "../netlink/socket.ts";
import type { Datum, SetElement } from "../plan.ts";

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFT_MSG_NEWSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 12;
const NFT_MSG_DELSETELEM = (NFNL_SUBSYS_NFTABLES << 8) | 14;

const NFPROTO = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_DATA_VALUE = 1;

const IFNAMSIZ = 16;

/** As it lies in a register: numbers in network order, a link's name padded to its full size. */
function datumBytes(datum: Datum): Uint8Array {
  if ("address" in datum) return addressBytes(datum.address);
  if ("mac" in datum) return macBytes(datum.mac);
  if ("port" in datum) return Uint8Array.of(datum.port >> 8, datum.port & 0xff);
  if ("protocol" in datum) return Uint8Array.of(datum.protocol);
  const name = new Uint8Array(IFNAMSIZ);
  const { read } = new TextEncoder().encodeInto(datum.ifname, name.subarray(0, IFNAMSIZ - 1));
  if (read < datum.ifname.length) throw new RangeError(`no link can be named ${datum.ifname}`);
  return name;
}

/** One datum as it is; of a concatenation, each padded to whole registers of four bytes. */
export function dataBytes(data: readonly Datum[]): Uint8Array {
  const parts = data.map(datumBytes);
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const bytes = new Uint8Array(parts.reduce((size, part) => size + align4(part.length), 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += align4(part.length);
  }
  return bytes;
}

function putElement(to: Writer, element: SetElement): void {
  const { key, value } = element;
  to.u8(NFPROTO[element.family]).u8(0).be16(0);
  putString(to, NFTA_SET_ELEM_LIST_TABLE, element.table);
  putString(to, NFTA_SET_ELEM_LIST_SET, element.set);
  putNested(to, NFTA_SET_ELEM_LIST_ELEMENTS, () =>
    putNested(to, NFTA_LIST_ELEM, () => {
      putNested(to, NFTA_SET_ELEM_KEY, () => putBytes(to, NFTA_DATA_VALUE, dataBytes(key)));
      if (value) putNested(to, NFTA_SET_ELEM_DATA, () => putBytes(to, NFTA_DATA_VALUE, dataBytes(value)));
    }),
  );
}

/** Add an element that isn't there; EEXIST where it is. */
export const addElement = (what: string, element: SetElement): Request => ({
  what,
  type: NFT_MSG_NEWSETELEM,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  body: (to) => putElement(to, element),
});

/** Delete an element; ENOENT where it isn't there. */
export const deleteElement = (what: string, element: SetElement): Request => ({
  what,
  type: NFT_MSG_DELSETELEM,
  body: (to) => putElement(to, element),
});

const end = (type: number): Request => ({
  what: "nftables transaction",
  type,
  body: (to) => to.u8(0).u8(0).be16(NFNL_SUBSYS_NFTABLES),
});

/** What stands around a transaction: for `NetlinkSocket.batch`. */
export const TRANSACTION = [end(NFNL_MSG_BATCH_BEGIN), end(NFNL_MSG_BATCH_END)] as const;
