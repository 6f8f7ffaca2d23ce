/** What comes and goes many times leaves the engine as it was: its descriptors, its store, files, mounts, processes. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { before, describe, test } from "node:test";
import { footprintOf } from "../support/footprint.ts";
import { withoutRoot } from "../support/root.ts";
import { ask, becomes } from "../support/storm.ts";
import { hostWithEngine } from "../support/suite.ts";

const TAR = { "content-type": "application/x-tar" };

describe("what comes and goes", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  let archive: Buffer = Buffer.alloc(0);

  before(async () => {
    const { host, engine } = suite;
    await host.docker(
      "run",
      "-d",
      "--name",
      "ticking",
      "busybox",
      "sh",
      "-c",
      "while :; do echo tick; sleep 0.05; done",
    );
    // More than sockets and streams hold: none is read to its end before its reader goes.
    await host.docker(
      "exec",
      "ticking",
      "sh",
      "-c",
      "mkdir /tree; for i in 1 2 3 4 5 6; do dd if=/dev/urandom of=/tree/$i bs=1M count=1; done",
    );
    await host.docker("commit", "ticking", "large");
    archive = await whole(engine.socket, "GET", "/images/large/get");
  });

  /** Each once before, for what a first use makes; then all of them, and nothing of it stays. */
  const leavesNothing = async (times: number, work: () => Promise<unknown>) => {
    const { host, engine } = suite;
    await work();
    const before = await settled();
    const errors = errorsIn(engine.log());
    for (let i = 0; i < times; i += 1) await work();
    await becomes(() => footprintOf(host, engine), before);
    assert.deepEqual(errorsIn(engine.log()).slice(errors.length), []);
  };
  /** What was let go of before may still be on its way. */
  const settled = async () => {
    let last = await footprintOf(suite.host, suite.engine);
    await becomes(async () => {
      const now = await footprintOf(suite.host, suite.engine);
      const same = JSON.stringify(now) === JSON.stringify(last);
      last = now;
      return same;
    }, true);
    return last;
  };

  test("containers that remove themselves, with their volumes", () =>
    leavesNothing(20, async () => {
      const { engine } = suite;
      const body = {
        Image: "busybox",
        Cmd: ["true"],
        Volumes: { "/v": {} },
        HostConfig: { AutoRemove: true },
      };
      const { Id } = JSON.parse((await engine.request("POST", "/containers/create", body)).text);
      const gone = ask(engine, "POST", `/containers/${Id}/wait?condition=removed`, undefined, 200);
      await ask(engine, "POST", `/containers/${Id}/start`, undefined, 204);
      await gone;
    }));

  test("execs", () =>
    leavesNothing(20, async () => {
      const { engine } = suite;
      const body = { Cmd: ["true"], AttachStdout: true };
      const { Id } = JSON.parse((await engine.request("POST", "/containers/ticking/exec", body)).text);
      await whole(engine.socket, "POST", `/exec/${Id}/start`, "{}", { "content-type": "application/json" });
    }));

  test("files copied in and out", () =>
    leavesNothing(10, async () => {
      const { socket } = suite.engine;
      const tree = await whole(socket, "GET", "/containers/ticking/archive?path=/tree/1");
      await whole(socket, "PUT", "/containers/ticking/archive?path=/tree", tree, TAR);
    }));

  for (const [what, method, path] of [
    ["stats", "GET", "/containers/ticking/stats"],
    ["events", "GET", "/events?since=1"],
    ["logs", "GET", "/containers/ticking/logs?follow=1&stdout=1"],
    ["attach", "POST", "/containers/ticking/attach?stream=1&stdout=1"],
    ["export", "GET", "/containers/ticking/export"],
    ["cp", "GET", "/containers/ticking/archive?path=/tree"],
    ["save", "GET", "/images/large/get"],
  ] as const) {
    test(`clients of ${what} that go away in the midst of it`, () =>
      leavesNothing(10, () => first(suite.engine.socket, method, path)));
  }

  for (const [what, method, path] of [
    ["load", "POST", "/images/load"],
    ["import", "POST", "/images/create?fromSrc=-&repo=imported"],
    ["cp", "PUT", "/containers/ticking/archive?path=/tree"],
    ["build", "POST", "/build?t=built"],
  ] as const) {
    test(`clients of ${what} that go away before all is sent`, async () => {
      // What is here already would not be unpacked.
      await suite.host.tryDocker("rmi", "-f", "large");
      await leavesNothing(5, () => half(suite.engine.socket, method, path, archive));
    });
  }
});

const errorsIn = (log: string): readonly string[] =>
  log.split("\n").filter((line) => line.includes('"level":"error"'));

/** One request, and all of its answer. */
function whole(
  socketPath: string,
  method: string,
  path: string,
  body: string | Buffer = "",
  headers: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const length = { "content-length": Buffer.byteLength(body) };
    const call = request(
      { socketPath, method, path, agent: false, headers: { ...headers, ...length } },
      (answer) => {
        const pieces: Buffer[] = [];
        answer.on("data", (piece: Buffer) => pieces.push(piece));
        answer.once("error", reject);
        answer.once("end", () => {
          const all = Buffer.concat(pieces);
          if (answer.statusCode === 200) resolve(all);
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${all.subarray(0, 1000)}`));
        });
      },
    );
    call.once("error", reject);
    call.end(body);
  });
}

/** A client that goes with the first piece of the answer. */
function first(socketPath: string, method: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, agent: false }, (answer) => {
      answer.once("data", () => call.destroy());
      answer.once("error", () => {}); // it is cut off by ourselves
      answer.once("close", resolve);
    });
    call.once("error", reject);
    call.end();
  });
}

/** A client that goes when half of its body is sent. */
function half(socketPath: string, method: string, path: string, body: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const headers = { ...TAR, "content-length": body.length };
    const call = request({ socketPath, method, path, agent: false, headers });
    call.once("error", () => {}); // it is cut off by ourselves
    call.once("close", resolve);
    call.write(body.subarray(0, body.length / 2), () => call.destroy());
  });
}
