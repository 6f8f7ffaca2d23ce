/** Sentences about several things. */

const NAMED = 3;

/** `a`, `a and b`, `a, b and c`, `a, b, c and 4 more`. */
export function listed(names: readonly string[]): string {
  const unique = [...new Set(names)];
  const shown = unique.slice(0, NAMED);
  if (unique.length > NAMED) return `${shown.join(", ")} and ${unique.length - NAMED} more`;
  const last = shown.pop() ?? "";
  return shown.length === 0 ? last : `${shown.join(", ")} and ${last}`;
}

/** `container a`, `containers a and b`. */
export const containersNamed = (names: readonly string[]): string =>
  `${new Set(names).size === 1 ? "container" : "containers"} ${listed(names)}`;

/** The verb by number: of one, or of several. */
export const verb = (names: readonly string[], one: string, several: string): string =>
  new Set(names).size === 1 ? one : several;
