const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((word) => [word, false] as const),
]);

/** A boolean as Docker's programs read it (Go's strconv.ParseBool); undefined for any other word. */
export const tryParseGoBoolean = (word: string): boolean | undefined => WORDS.get(word);

/** Go's own words for one that is none. */
export const whyNoGoBoolean = (word: string): string =>
  `strconv.ParseBool: parsing ${JSON.stringify(word)}: invalid syntax`;
