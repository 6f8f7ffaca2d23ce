/** Addresses that are special by their bits alone: RFC 1122 section 3.2.1.3, RFC 4291 section 2. */
import type { Address } from "./ip.ts";

/** 0.0.0.0 and ::. */
export const isUnspecified = ({ bits }: Address): boolean => bits === 0n;

/** 127.0.0.0/8 and ::1. */
export const isLoopback = ({ family, bits }: Address): boolean =>
  family === 4 ? bits >> 24n === 127n : bits === 1n;

/** fe80::/10: good on one link alone. Of IPv4 there is none that Linux treats as such. */
export const isLinkLocal = ({ family, bits }: Address): boolean => family === 6 && bits >> 118n === 0x3fan;

/** 224.0.0.0/4 and ff00::/8: of groups. */
export const isMulticast = ({ family, bits }: Address): boolean =>
  family === 4 ? bits >> 28n === 0xen : bits >> 120n === 0xffn;

/** 255.255.255.255: of all on a link, RFC 919. IPv6 has none. */
export const isBroadcast = ({ family, bits }: Address): boolean => family === 4 && bits === 0xffff_ffffn;
