import { existsSync } from "node:fs";

/** A kernel without IPv6 has no settings for it, and nothing to turn off. */
export const KERNEL_HAS_IPV6 = existsSync("/proc/sys/net/ipv6");
