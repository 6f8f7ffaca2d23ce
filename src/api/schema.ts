/** JSON schemas (draft 7) for requests, built from a few words. Docker's clients send `null` for what is left out. */

export type Schema = Readonly<Record<string, unknown>>;

const TEXT_LIMIT = 1 << 16;

export const text: Schema = { type: ["string", "null"], maxLength: TEXT_LIMIT };
export const boolean: Schema = { type: ["boolean", "null"] };
/** What Go's int64 takes, as far as a JavaScript number is exact. */
export const integer: Schema = {
  type: ["integer", "null"],
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
};
export const anything: Schema = {};

export const oneOf = (...values: readonly (string | null)[]): Schema => ({ enum: values });
export const list = (items: Schema): Schema => ({ type: ["array", "null"], items, maxItems: 10_000 });
export const map = (values: Schema): Schema => ({ type: ["object", "null"], additionalProperties: values });

/** Members not named here pass as they are: Docker's clients send more than an engine knows. */
export const object = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: ["object", "null"],
  properties,
});

/** A text, or a list of texts: how Go's `strslice` reads a command. */
export const command: Schema = {
  anyOf: [{ type: "string" }, { type: "null" }, { type: "array", items: { type: "string" } }],
};

/** All query parameters are texts; of one given twice the first counts (`firstOnes`), but for those in `many`. */
export function query(names: readonly string[], many: readonly string[] = []): Schema {
  const once = { type: "string", maxLength: TEXT_LIMIT };
  return {
    type: "object",
    properties: Object.fromEntries([
      ...names.map((name) => [name, once]),
      ...many.map((name) => [name, { anyOf: [once, { type: "array", items: once }] }]),
    ]),
  };
}

/** As Go's FormValue reads a query: the first of what is given several times, where only one is wanted. */
export function firstOnes(query: Record<string, unknown>, schema: unknown): void {
  const { properties = {} } = (schema ?? {}) as { readonly properties?: Readonly<Record<string, Schema>> };
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value) && properties[name]?.type === "string") query[name] = value[0];
  }
}

export type Query<Name extends string> = Readonly<Partial<Record<Name, string>>>;

/** A reference in the path: what it may be made of is checked by `references.ts`, so that a bad one is "No such …". */
export const path = (name: string): Schema => ({
  type: "object",
  properties: { [name]: { type: "string", minLength: 1 } },
  required: [name],
});

/** The same without members that are `null`. */
export function withoutNulls<T extends object>(
  value: T | null | undefined,
): { [K in keyof T]?: NonNullable<T[K]> } {
  const present = Object.entries(value ?? {}).filter(([, each]) => each !== null);
  return Object.fromEntries(present) as { [K in keyof T]?: NonNullable<T[K]> };
}
