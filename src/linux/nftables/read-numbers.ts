/** Values of nftables' attributes: numbers lie in network order, linux/netfilter/nf_tables.h. */
import { readCString, viewOf } from "../bytes.ts";
import { readAttributes } from "../netlink/attribute.ts";

/** The number in four bytes; undefined where there are not four. */
export const readBe32 = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 4 ? viewOf(bytes).getUint32(0) : undefined;

export const readBe64 = (bytes: Uint8Array | undefined): bigint | undefined =>
  bytes?.length === 8 ? viewOf(bytes).getBigUint64(0) : undefined;

/** As `readBe32`, 0 where it is absent: what the kernel takes an absent attribute for. */
export const be32Or0 = (bytes: Uint8Array | undefined): number => readBe32(bytes) ?? 0;

export const nameOr = (bytes: Uint8Array | undefined, absent: string): string =>
  bytes ? readCString(bytes) : absent;

/** The values of a list: NFTA_LIST_ELEM one after another. */
export const listOf = (bytes: Uint8Array | undefined): Uint8Array[] =>
  bytes ? readAttributes(bytes).map(({ value }) => value) : [];
