/** What is not the same in two replies, place by place. */
import type { Reply } from "./reply.ts";

export interface Difference {
  /** `status`, `headers.content-type`, `body.HostConfig.Binds.0`. */
  readonly at: string;
  /** Absent where there is no such member. */
  readonly theirs?: unknown;
  readonly ours?: unknown;
}

/** @param theirs the reference's */
export function compare(theirs: Reply, ours: Reply, options: { readonly unordered: boolean }): Difference[] {
  const found: Difference[] = [];
  walk("status", theirs.status, ours.status, found);
  walk("headers", theirs.headers, ours.headers, found);
  const put = options.unordered ? sorted : (value: unknown) => value;
  walk("body", put(theirs.body), put(ours.body), found);
  return found;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function walk(at: string, theirs: unknown, ours: unknown, found: Difference[]): void {
  if (isObject(theirs) && isObject(ours)) {
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      const [left, right] = [Object.hasOwn(theirs, name), Object.hasOwn(ours, name)];
      const there = `${at}.${name}`;
      if (left && right) walk(there, theirs[name], ours[name], found);
      else if (left) found.push({ at: there, theirs: theirs[name] });
      else found.push({ at: there, ours: ours[name] });
    }
  } else if (Array.isArray(theirs) && Array.isArray(ours) && theirs.length === ours.length) {
    for (const [index, each] of theirs.entries()) walk(`${at}.${index}`, each, ours[index], found);
  } else if (JSON.stringify(theirs) !== JSON.stringify(ours)) {
    found.push({ at, theirs, ours });
  }
}

/** The same with each list in the order of its members' texts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted).sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name])]),
  );
}

/** Things have names; what has none is its own. */
function orderOf(value: unknown): string {
  const name = isObject(value) ? (value.Destination ?? value.Name ?? value.Path) : undefined;
  return typeof name === "string" ? name : JSON.stringify(value);
}
