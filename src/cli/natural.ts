const PARTS = /\d+|\D+/g;

/** Order of words in which numbers count by their value: `net2` before `net10`. */
export function compareNaturally(a: string, b: string): number {
  const [left, right] = [a.match(PARTS) ?? [], b.match(PARTS) ?? []];
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const [one = "", other = ""] = [left[i], right[i]];
    const numbers = /^\d/.test(one) && /^\d/.test(other);
    if (numbers && Number(one) !== Number(other)) return Number(one) - Number(other);
    if (one !== other) return one < other ? -1 : 1;
  }
  return left.length - right.length;
}
