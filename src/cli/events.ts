import { filtersParameter } from "./filters.ts";
import { lines } from "./lines.ts";
import { compileTemplate } from "./template.ts";
import { toJson } from "./template-functions.ts";
import { localNanoseconds } from "./time.ts";
import { timestamp } from "./values.ts";
import { flag, verb } from "./verb.ts";
import type { Message } from "./wire.ts";

/** Nanoseconds since 1970 are more than a number holds: they come as a bigint. */
export function parseMessage(text: string): Message {
  const exact = (key: string, value: unknown, context?: { readonly source?: string }) =>
    key === "timeNano" && context?.source && /^\d+$/.test(context.source) ? BigInt(context.source) : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown) as Message;
}

/** `2026-01-02T03:04:05.000000006Z container start 4f1e… (image=busybox, name=web)` */
export function formatMessage(message: Message): string {
  const { ID, Attributes } = message.Actor;
  const at = message.timeNano ? BigInt(message.timeNano) : BigInt(message.time) * 1_000_000_000n;
  const attributes = Object.entries(Attributes ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  const about = attributes.length > 0 ? ` (${attributes.join(", ")})` : "";
  return `${localNanoseconds(at)} ${message.Type} ${message.Action} ${ID}${about}`;
}

interface Options {
  readonly filter: readonly string[];
  readonly format?: string;
  readonly since?: string;
  readonly until?: string;
}

export default verb<Options>({
  usage: "[OPTIONS]",
  about: "Get real time events from the server",
  flags: [
    flag("-f, --filter", "filter", "Filter output based on conditions provided"),
    flag("--format", "string", "Format output: json, or a Go template"),
    flag("--since", "string", "Show all events created since timestamp"),
    flag("--until", "string", "Stream events until this timestamp"),
  ],
  least: 0,
  most: 0,
  async run({ client, out }, _, { filter, format = "", since, until }) {
    const template = format && format !== "json" ? compileTemplate(format) : undefined;
    const show = template ?? (format === "json" ? toJson : (message: Message) => formatMessage(message));
    const now = Date.now();
    const stream = await client.stream("GET", "/events", {
      query: {
        filters: filtersParameter(filter),
        since: timestamp("since", since, now),
        until: timestamp("until", until, now),
      },
    });
    for await (const line of lines(stream)) out(`${show(parseMessage(line))}\n`);
  },
});
