/**
 * How often it matches: whether a rate is used up, nobody can read.
 * ```
 * struct xt_rateinfo {                                              // linux/netfilter/xt_limit.h
 *   __u32 avg;                                                      // ten-thousandths of a second between two
 *   __u32 burst;
 *   unsigned long prev; __u32 credit, credit_cap, cost;             // the kernel's own
 *   struct xt_limit_priv *master;
 * };
 * ```
 */
import { array, kernelPointer, struct, u32, u64 } from "../../../../linux/xtables/struct.ts";
import type { Options } from "../options.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";

const RATE = struct({ period: u32, burst: u32, previous: u64, own: array(u32, 3), master: kernelPointer });
const SCALE = 10_000;
const UNITS: readonly (readonly [string, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["min", 60],
  ["sec", 1],
];
const USUAL_BURST = 5;
const USUAL_RATE = "3/hour";

export const limit = defineMatch({
  name: "limit",
  decode: (info, revision) => (revision === 0 ? RATE.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: RATE.encode(value) }),
  matches: () => "unknown",
  words: ({ period, burst }) => [
    ...option("limit", false, rateText(period, SCALE)),
    ...(burst === USUAL_BURST ? [] : option("limit-burst", false, burst)),
  ],
  parse(options) {
    const rate = options.take("limit");
    const burst = options.take("limit-burst");
    return {
      period: periodOf(options, rate ? options.valueOf(rate) : USUAL_RATE),
      burst: burst ? options.number(options.valueOf(burst)) : USUAL_BURST,
      previous: 0n,
      own: [0, 0, 0],
      master: undefined,
    };
  },
});

/**
 * In the smallest unit in which it is a whole number, or nearly.
 * @param scale of the period: so many are a second
 */
export function rateText(period: number, scale: number): string {
  if (period === 0) return "inf";
  const tooSmall = UNITS.findIndex(
    ([, seconds], i) =>
      i > 0 &&
      (period > seconds * scale || Math.floor((seconds * scale) / period) < (seconds * scale) % period),
  );
  const [name, seconds] = UNITS[(tooSmall < 0 ? UNITS.length : tooSmall) - 1] ?? ["day", 86_400];
  return `${Math.floor((seconds * scale) / period)}/${name}`;
}

/** `3/min`, `3/minute`, `3/m`; a number alone is a second's. */
function periodOf(options: Options, text: string): number {
  const [count = "", unit = "second"] = text.split("/");
  const long = ["day", "hour", "minute", "second"].findIndex((name) => unit !== "" && name.startsWith(unit));
  const seconds = UNITS[long]?.[1];
  if (seconds === undefined) throw options.wrong(`${text} is no rate`);
  const length = seconds * SCALE;
  const times = options.number(count);
  if (times === 0 || times > length) throw options.wrong(`${text} is no rate that can be kept`);
  return Math.floor(length / times);
}
