/** net.ipv4.ip_forward: turned on where it is off, without making a router of the host by accident. */
import type { Step } from "../linux/plan.ts";
import type { SysctlRecord } from "./state.ts";

export const IP_FORWARD = "net.ipv4.ip_forward";

export interface ForwardingFacts {
  /** `0` or `1`. */
  readonly current: string;
  /** What an earlier start changed. */
  readonly record: SysctlRecord | undefined;
  /** Of this boot (random(4), boot_id). */
  readonly boot: string;
}

export interface Forwarding {
  /** The host did not forward before the engine: other links must not start to, so theirs is dropped. */
  readonly closed: boolean;
  readonly plan: readonly Step[];
  /** What to remember: undefined where there is nothing. */
  readonly record: SysctlRecord | undefined;
}

/** An administrator's own setting is never closed; a record of an earlier boot is not about this one. */
export function forwarding(
  facts: ForwardingFacts,
  settings: { readonly ipForward: boolean; readonly ipForwardNoDrop: boolean },
): Forwarding {
  const { current, record, boot } = facts;
  if (current !== "0") {
    const ours = record?.boot === boot ? record : undefined;
    return { closed: ours !== undefined && !settings.ipForwardNoDrop, plan: [], record: ours };
  }
  if (!settings.ipForward) return { closed: false, plan: [], record: undefined };
  return {
    closed: !settings.ipForwardNoDrop,
    plan: [{ do: "set-sysctl", key: IP_FORWARD, value: "1" }],
    record: { before: current, boot },
  };
}
