/** A network as it shall be, made of what is asked and what there is. Pure but for the id that it draws. */
import { notBuiltIn } from "../lib/errors.ts";
import type { Prefix } from "../lib/ip.ts";
import type { HostState } from "./driver.ts";
import type { NetworkSettings } from "./settings.ts";
import type { Network, NetworkRequest } from "./types.ts";

export interface NetworkContext {
  readonly networks: readonly Network[];
  readonly facts: HostState;
  readonly settings: NetworkSettings;
  /** The engine's own unique local prefix (RFC 4193), of 48 bits: where IPv6 subnets come from by default. */
  readonly ula: Prefix;
  /** Subnets that networks of this life gave back, oldest first: not given again before all others. */
  readonly spent: readonly Prefix[];
}

/** @throws conflict, forbidden, invalid, not-built-in, not-found in Docker's words */
export function designNetwork(
  _request: NetworkRequest,
  _context: NetworkContext,
): { readonly network: Network; readonly warning: string } {
  throw notBuiltIn("networks of one's own");
}
