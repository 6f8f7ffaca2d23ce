import { UsageError } from "./errors.ts";

/** `--filter name=value …` as the API's `filters` parameter; undefined where there is none. @throws UsageError */
export function filtersParameter(filters: readonly string[]): string | undefined {
  const all: Record<string, string[]> = {};
  for (const filter of filters) {
    const equals = filter.indexOf("=");
    if (equals < 0) {
      throw new UsageError(
        `invalid argument ${JSON.stringify(filter)} for "-f, --filter" flag: bad format of filter (expected name=value)`,
      );
    }
    const name = filter.slice(0, equals).trim().toLowerCase();
    all[name] = [...(all[name] ?? []), filter.slice(equals + 1).trim()];
  }
  return filters.length > 0 ? JSON.stringify(all) : undefined;
}
