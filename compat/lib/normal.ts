/** What differs from run to run and engine to engine without meaning anything has one name in both. */
import type { Reply } from "./reply.ts";

/** An engine's own surroundings, as its replies name them. */
export interface Surroundings {
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly cgroupParent: string;
}

const NEVER = "0001-01-01T00:00:00Z";
/** Members whose number is a moment, a process, or what the machine did just then. */
const MOMENTS = new Set([
  "Created",
  "CreatedAt",
  "Pid",
  "time",
  "timeNano",
  "SystemTime",
  "NFd",
  "NGoroutines",
  "NEventsListener",
  "mtime",
]);

export function normal(reply: Reply, surroundings: Surroundings): Reply {
  const text = (value: string) => normalText(value, surroundings);
  return {
    status: reply.status,
    headers: normalValue(reply.headers, text) as Reply["headers"],
    body: normalValue(reply.body, text),
  };
}

function normalValue(value: unknown, text: (value: string) => string): unknown {
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return value.map((each) => normalValue(each, text));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (MOMENTS.has(name) && typeof each === "number") return [name, each === 0 ? 0 : "<number>"];
      return [text(name), normalValue(each, text)];
    }),
  );
}

function normalText(value: string, { dataRoot, execRoot, cgroupParent }: Surroundings): string {
  return value
    .replaceAll(dataRoot, "<data-root>")
    .replaceAll(execRoot, "<exec-root>")
    .replaceAll(cgroupParent, "<cgroup-parent>")
    .replace(/sha256:[0-9a-f]{64}/g, "<digest>")
    .replace(/\b[0-9a-f]{64}\b/g, "<id>")
    .replace(/(?<![0-9a-f:])[0-9a-f]{12}(?![0-9a-f])/g, "<short-id>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, (time) =>
      time === NEVER ? time : "<time>",
    )
    .replace(/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "<mac>");
}
