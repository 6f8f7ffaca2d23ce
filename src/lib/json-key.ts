/** A value as text to compare or find it by: JSON, with the big numbers of addresses written out. */
export const jsonKey = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part));
