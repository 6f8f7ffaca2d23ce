/** Values of networks' options, read as strictly as dockerd reads them, and the names that there are. */
import { invalid } from "../lib/errors.ts";
import { tryParseGoBoolean, whyNoGoBoolean } from "../lib/go-boolean.ts";
import { type Address, type Family, formatAddress, tryParseAddress } from "../lib/ip.ts";
import { didYouMean } from "../lib/nearest.ts";

export type OptionValues = Readonly<Record<string, string>>;

/** Namespaces in which every name means something: a wrong one is a slip, and would leave something open. */
const RESERVED = /^(com\.docker\.network|drawbridge)\./;

/** @throws invalid for a name in a reserved namespace that is not among the known ones */
export function refuseUnknown(what: string, options: OptionValues, known: Iterable<string>): void {
  const names = new Set(known);
  for (const key of Object.keys(options)) {
    if (RESERVED.test(key) && !names.has(key)) {
      throw invalid(`unknown ${what} option ${key}${didYouMean(key, names)}`);
    }
  }
}

const unreadable = (key: string, value: string, why: string) =>
  invalid(`failed to parse ${key} value: ${value} (${why})`);

/** As Go's strconv.ParseBool. @throws invalid */
export function booleanOption(options: OptionValues, key: string, otherwise: boolean): boolean {
  const value = options[key];
  if (value === undefined) return otherwise;
  const parsed = tryParseGoBoolean(value);
  if (parsed === undefined) throw unreadable(key, value, whyNoGoBoolean(value));
  return parsed;
}

/** As Go's strconv.Atoi. @throws invalid */
export function integerOption(options: OptionValues, key: string, otherwise: number): number {
  const value = options[key];
  if (value === undefined) return otherwise;
  const number = Number(value);
  if (!/^[+-]?\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw unreadable(key, value, `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
  }
  return number;
}

/** @throws invalid, also for one of another family than the one that is given */
export function addressOption(options: OptionValues, key: string, family?: Family): Address | undefined {
  const value = options[key];
  if (value === undefined) return undefined;
  const address = tryParseAddress(value);
  if (!address) throw unreadable(key, value, "nil ip");
  if (family !== undefined && address.family !== family) {
    throw unreadable(key, value, `${formatAddress(address)} is no IPv${family} address`);
  }
  return address;
}

/** One of a few words. @throws invalid, with `what` they are */
export function wordOption<const Word extends string>(
  options: OptionValues,
  key: string,
  words: readonly Word[],
  what: string,
): Word | undefined {
  const value = options[key];
  if (value === undefined) return undefined;
  const word = words.find((each) => each === value);
  if (word === undefined) throw unreadable(key, value, `unknown ${what} ${value}`);
  return word;
}

/**
 * What may be a link's name here: less than the kernel allows (dev_valid_name, IFNAMSIZ), since it stands in nft's
 * text and in paths below /proc/sys/net, where `all` and `default` are not links.
 */
export const isLinkName = (name: string): boolean =>
  /^\w[\w.-]{0,14}$/.test(name) && !["all", "default", "lo"].includes(name);

/** @throws invalid for one that can't be a link's name */
export function linkNameOption(options: OptionValues, key: string): string | undefined {
  const value = options[key];
  if (value === undefined || isLinkName(value)) return value;
  throw unreadable(key, value, "a link's name is wanted: at most 15 letters, digits, _ . and -");
}
