/** What clients of a storm ask for. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { networksAgree } from "./agreement.ts";
import type { EngineProcess } from "./engine-process.ts";
import type { ThrowawayHost } from "./host.ts";
import { linksOf } from "./inspect.ts";
import { NOTHING_RUNS, runningParts } from "./running.ts";

const BODY = { Image: "busybox", Cmd: ["sleep", "1000"], StopTimeout: 0 };

/** @returns the status, one of these */
export async function ask(
  engine: EngineProcess,
  method: string,
  path: string,
  body: unknown,
  ...statuses: number[]
) {
  const { status, text } = await engine.request(method, path, body);
  assert.ok(statuses.includes(status), `${method} ${path} ${JSON.stringify(body)}: ${status} ${text}`);
  return status;
}

/** What has been let go of may take a while to be gone: looked at again until it is `expected`, or does not become so. */
export async function becomes<T>(look: () => Promise<T>, expected: T): Promise<void> {
  for (let tries = 0; tries < 40; tries += 1) {
    if (isDeepStrictEqual(await look(), expected)) return;
    await sleep(100);
  }
  assert.deepEqual(await look(), expected);
}

export const makeNetwork = (engine: EngineProcess, Name: string) =>
  ask(engine, "POST", "/networks/create", { Name }, 201);

export async function makeContainer(engine: EngineProcess, name: string, more: object = {}): Promise<void> {
  await ask(engine, "POST", `/containers/create?name=${name}`, { ...BODY, ...more }, 201);
  await ask(engine, "POST", `/containers/${name}/start`, undefined, 204);
}

/** All of it goes, and the host is as it was before. */
export async function removeAll(host: ThrowawayHost, engine: EngineProcess): Promise<void> {
  const all = async (path: string) =>
    JSON.parse((await engine.request("GET", path)).text) as readonly { Id: string; Name?: string }[];
  const containers = await all("/containers/json?all=1");
  await Promise.all(
    containers.map(({ Id }) => ask(engine, "DELETE", `/containers/${Id}?force=1`, undefined, 204)),
  );
  const own = (await all("/networks")).filter(({ Name }) => !["bridge", "host", "none"].includes(Name ?? ""));
  await Promise.all(own.map(({ Id }) => ask(engine, "DELETE", `/networks/${Id}`, undefined, 204)));
  assert.deepEqual(await networksAgree(host, engine), []);
  assert.deepEqual(await runningParts(host), NOTHING_RUNS);
  const links = (await linksOf(host)).map(({ ifname }) => ifname);
  assert.deepEqual(links.sort(), ["docker0", "eth0", "lo"]);
}
