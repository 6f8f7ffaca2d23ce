/** What iptables-nft's `match` and `target` expressions need of whoever knows xtables' extensions. */
import type { XtExtension } from "../../../linux/xtables/types.ts";
import type { Packet } from "../../packet/types.ts";
import type { HookVerdict, Surroundings, Translation } from "../types.ts";

type WithoutRule<T> = T extends unknown ? Omit<T, "rule"> : never;
type WithoutBy<T> = T extends unknown ? Omit<T, "by"> : never;

/** What a target does to a packet, and what is next: `continue` is the next expression, `return` the calling chain. */
export interface TargetEffect {
  readonly next: WithoutBy<HookVerdict> | { readonly do: "continue" } | { readonly do: "return" };
  /** `dnat to 172.17.0.2:80`, `set mark 0x1`. */
  readonly does: string;
  readonly packet?: Packet;
  readonly translation?: WithoutRule<Translation>;
  readonly connectionMark?: number;
  readonly notrack?: boolean;
  /** Where the kernel chooses among several: which one this is, a sentence. */
  readonly assumes?: string;
}

export interface Extensions {
  match(extension: XtExtension, packet: Packet, around: Surroundings): boolean | "unknown";
  target(extension: XtExtension, packet: Packet, around: Surroundings): TargetEffect;
}
