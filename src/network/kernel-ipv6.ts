import { existsSync } from "node:fs";
import { conflict } from "../lib/errors.ts";
import type { Network } from "./types.ts";

/** A kernel without IPv6 has no settings for it, and nothing to turn off. */
export const KERNEL_HAS_IPV6 = existsSync("/proc/sys/net/ipv6");

/** @throws conflict for a network with IPv6 where the kernel has none */
export function refuseIpv6({ name, ipv6 }: Network): void {
  if (ipv6 && !KERNEL_HAS_IPV6) throw conflict(`network ${name}: this host's kernel has no IPv6`);
}
