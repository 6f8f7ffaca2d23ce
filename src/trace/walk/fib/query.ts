/** What a route is looked up by, and what is found: struct flowi4 and flowi6, struct fib_result. */
import type { Address, Family } from "../../../lib/ip.ts";
import type { NextHop, ObservedRoute, PolicyRule } from "../../../observe/types.ts";

export interface Query {
  readonly family: Family;
  readonly to: Address;
  readonly from?: Address;
  readonly mark: number;
  /** The link that it came in by; absent for what is sent from here, which rules see as coming from `lo`. */
  readonly in?: number;
  /** The link that it must leave by. */
  readonly out?: number;
  readonly tos?: number;
  readonly protocol?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly uid?: number;
}

/** RTNH_F_* */
export const NEXT_HOP_DEAD = 1;
export const NEXT_HOP_LINKDOWN = 16;

export interface Found {
  readonly found: true;
  readonly route: ObservedRoute;
  /** Those of its next hops that can be used. None where it leads to this machine itself, maybe. */
  readonly hops: readonly NextHop[];
  readonly rule: PolicyRule;
}

/** What a sender's connect(2) or sendto(2) says. */
export type RouteError = "ENETUNREACH" | "EHOSTUNREACH" | "EACCES" | "EINVAL";

export interface NotFound {
  readonly found: false;
  readonly error: RouteError;
  /** The route or rule that says so, where one does: there may just be none. */
  readonly route?: ObservedRoute;
  readonly rule?: PolicyRule;
}

export type Lookup = Found | NotFound;
