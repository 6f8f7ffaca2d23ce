/** Which of the changes that others made are damage to what is ours. */
import type { KernelChanges } from "../../linux/monitor.ts";
import { tableRef } from "../firewall/elements.ts";

export interface Damage {
  /** Something of our tables may be gone. */
  readonly rules: boolean;
  /** A bridge, its address, or a port on it may be. */
  readonly links: boolean;
}

export const NO_DAMAGE: Damage = { rules: false, links: false };

const OURS = (["inet", "guard"] as const).map(tableRef);

export const isOurs = (table: string): boolean => OURS.includes(table);

/** Too much rather than too little: whoever repairs looks for himself. */
export function damageOf(changes: KernelChanges, bridges: readonly string[]): Damage {
  const ours = new Set(bridges);
  return {
    rules: changes.lost || OURS.some((table) => changes.tables.has(table)),
    links:
      changes.lost ||
      changes.released.size > 0 ||
      changes.unaddressed.size > 0 ||
      [...changes.gone.values()].some((name) => ours.has(name)) ||
      [...changes.links.values()].some(({ name, up }) => !up && ours.has(name)),
  };
}

export const bothDamages = (a: Damage, b: Damage): Damage => ({
  rules: a.rules || b.rules,
  links: a.links || b.links,
});

export const isDamage = ({ rules, links }: Damage): boolean => rules || links;
