import type { EngineEvent } from "../../lib/events.ts";

/** One line of the event stream (Engine API, EventMessage; `status`, `id` and `from` for old clients). */
export function eventLine(event: EngineEvent): string {
  const legacy = event.type === "container" || event.type === "image";
  const from = event.actor.attributes.image;
  const shown = JSON.stringify({
    ...(legacy && { status: event.action, id: event.actor.id }),
    ...(legacy && from !== undefined && { from }),
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.actor.id, Attributes: event.actor.attributes },
    scope: "local",
    time: Number(event.time / 1_000_000_000n),
  });
  // More digits than a JavaScript number holds.
  return `${shown.slice(0, -1)},"timeNano":${event.time}}\n`;
}
