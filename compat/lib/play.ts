/** A scenario played on one engine. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Call, Scenario } from "./call.ts";
import { normal, type Surroundings } from "./normal.ts";
import { type Reply, replyOf } from "./reply.ts";
import { send } from "./send.ts";

export interface Engine extends Surroundings {
  readonly name: string;
  readonly socket: string;
}

export const VERSION = "1.41";
const PATIENCE = 10_000;

/** What each call was answered, in their order. */
export async function play(scenario: Scenario, engine: Engine): Promise<readonly Reply[]> {
  const kept = new Map<string, string>([["begin", seconds()]]);
  const replies: Reply[] = [];
  for (const call of scenario.calls) {
    const reply = await ask(call, engine, kept.set("now", seconds()));
    replies.push(normal(reply, engine));
    for (const [name, path] of Object.entries(call.keep ?? {})) kept.set(name, String(at(reply.body, path)));
  }
  await clean(engine);
  return replies;
}

async function ask(call: Call, engine: Engine, kept: ReadonlyMap<string, string>): Promise<Reply> {
  const [method = "", path = ""] = filled(call.request, kept).split(/ (.*)/s);
  const version = call.version ?? VERSION;
  const raw = typeof call.body === "string" || call.body instanceof Uint8Array;
  const json = call.body === undefined || raw ? undefined : filled(JSON.stringify(call.body), kept);
  const body = raw ? (call.body as string | Uint8Array) : json;
  const headers = { ...(json !== undefined && { "Content-Type": "application/json" }), ...call.headers };
  const sent = {
    method,
    path: version === "" ? path : `/v${version}${path}`,
    headers,
    ...(body !== undefined && { body }),
  };
  for (const deadline = Date.now() + PATIENCE; ; await sleep(50)) {
    const reply = replyOf(await send(engine.socket, sent).catch((thrown: Error) => broken(thrown)));
    if (!call.until || Date.now() > deadline) return reply;
    const [where, wanted] = call.until;
    if (at(reply.body, where) === wanted) return reply;
  }
}

/** Now, as `since` and `until` of events take it. */
const seconds = (): string => (Date.now() / 1000).toFixed(3);

/** A connection that broke is a reply as well: the other engine's may have too. */
const broken = ({ message }: Error) => ({ status: 0, headers: {}, body: Buffer.from(message) });

const filled = (text: string, kept: ReadonlyMap<string, string>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => kept.get(name) ?? whole);

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split(".")) {
    if (found === null || typeof found !== "object") return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}

interface Listed {
  readonly Id: string;
  readonly Name: string;
}

/** The next scenario finds nothing of this one but images. */
async function clean({ socket }: Engine): Promise<void> {
  const get = async (path: string) =>
    JSON.parse((await send(socket, { method: "GET", path, headers: {} })).body.toString()) as unknown;
  const remove = (path: string) => send(socket, { method: "DELETE", path, headers: {} });
  for (const { Id } of (await get("/containers/json?all=1")) as readonly Listed[]) {
    await remove(`/containers/${Id}?force=1&v=1`);
  }
  for (const { Id, Name } of (await get("/networks")) as readonly Listed[]) {
    if (!["bridge", "host", "none"].includes(Name)) await remove(`/networks/${Id}`);
  }
  const { Volumes } = (await get("/volumes")) as { readonly Volumes: readonly Listed[] | null };
  for (const { Name } of Volumes ?? []) await remove(`/volumes/${Name}?force=1`);
}
