/**
 * Addresses with all that RTM_GETADDR tells, rtnetlink(7), linux/if_addr.h: `struct ifaddrmsg` stands in `../address.ts`.
 */
import { type Address, type Prefix, sameAddress, widthOf } from "../../../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf } from "../../bytes.ts";
import { Fields } from "../../netlink/fields.ts";
import { IFA_ADDRESS, IFA_BROADCAST, IFA_FLAGS, IFA_LOCAL, IFADDRMSG_SIZE } from "../attributes.ts";
import { familyOf } from "../family.ts";

const IFA_F_SECONDARY = 0x01;
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;

export interface ObservedAddress {
  readonly ifindex: number;
  readonly address: Prefix;
  /** IFA_ADDRESS of a link between two: whom it leads to. */
  readonly peer?: Address;
  /** RT_SCOPE_*: 0 global, 253 link, 254 host. */
  readonly scope: number;
  readonly broadcast?: Address;
  /** IFA_F_TENTATIVE, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_SECONDARY. */
  readonly tentative: boolean;
  readonly duplicate: boolean;
  readonly deprecated: boolean;
  readonly secondary: boolean;
}

const fields = new Fields();

/** The address that an RTM_NEWADDR tells of, or undefined where it is of another family or broken. */
export function readObservedAddress(payload: Uint8Array): ObservedAddress | undefined {
  if (payload.length < IFADDRMSG_SIZE) return undefined;
  const family = familyOf(payload[0]);
  const length = payload[1] ?? 0;
  if (!family || length > widthOf(family)) return undefined;
  fields.of(payload, IFADDRMSG_SIZE);
  // They differ on point-to-point links only, where IFA_ADDRESS is the other end's.
  const other = fields.address(IFA_ADDRESS, family);
  const address = fields.address(IFA_LOCAL, family) ?? other;
  if (!address) return undefined;
  const broadcast = fields.address(IFA_BROADCAST, family);
  const flags = fields.u32(IFA_FLAGS) ?? payload[2] ?? 0;
  return {
    ifindex: viewOf(payload).getUint32(4, LITTLE_ENDIAN),
    address: { address, length },
    ...(other && !sameAddress(other, address) && { peer: other }),
    scope: payload[3] ?? 0,
    ...(broadcast && { broadcast }),
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    duplicate: (flags & IFA_F_DADFAILED) !== 0,
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    // Of IPv6 the same bit says that it is a temporary one, RFC 8981.
    secondary: family === 4 && (flags & IFA_F_SECONDARY) !== 0,
  };
}
