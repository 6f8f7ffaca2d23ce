/** JSON with whole numbers of 64 bits, which are more than this language's numbers hold exactly. */

/** JSON.rawJSON (ECMAScript, "JSON.parse source text access"): in Node since 21, in no type library yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): object };

/** Written into JSON as it stands: a number's digits. */
export const rawNumber = (digits: bigint | string): object => rawJSON(String(digits));

/** As JSON.stringify, and bigints as numbers. */
export const exactJson = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? rawNumber(each) : each));
