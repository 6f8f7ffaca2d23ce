/** What is done to containers and with them, where any call fails: it is done whole, or nothing has changed. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { messageOf } from "../../src/lib/errors.ts";
import type { ContainerID } from "../../src/lib/ids.ts";
import { EngineHere } from "../support/engine-here.ts";
import { comesUpWhole, goesDownAtLast } from "../support/fault-rounds.ts";
import { INJECTED } from "../support/faults.ts";
import { archive, entry } from "../support/images.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const here = new EngineHere();
const config = { Image: "busybox", Cmd: ["sleep", "1000"], StopTimeout: 0 };
let whole = "" as ContainerID;
let running = "" as ContainerID;

const start = (id: string) => here.engine.containers.startContainer(id);
const stop = (id: string) => here.engine.containers.stopContainer(id, { timeout: 0 });

before(async () => {
  const { containers, volumes } = await here.start();
  await volumes.create({ name: "memory", options: { type: "tmpfs", device: "tmpfs" } });
  const create = async (more: object, hostConfig: object) =>
    (await containers.create({ config: { ...config, ...more }, hostConfig, endpoints: {} })).id;
  running = await create({}, { IpcMode: "shareable" });
  await start(running);
  whole = await create(
    { Healthcheck: { Test: ["CMD", "true"], Interval: 3600e9 }, Volumes: { "/etc": {} } },
    {
      Binds: ["memory:/memory"],
      Tmpfs: { "/tmp": "" },
      IpcMode: `container:${running}`,
      RestartPolicy: { Name: "always", MaximumRetryCount: 0 },
      LogConfig: { Type: "json-file", Config: { "max-size": "1m" } },
    },
  );
  await start(whole);
  await stop(whole);
});
after(() => here[Symbol.asyncDispose]());

/** What the sandbox does is made to fail elsewhere. */
const PARTS = /^(store|images|volumes|supervisor)\./;

describe("a container with volumes, a health check, a restart policy and another's shared memory", () => {
  test("starts whole or not at all", () =>
    comesUpWhole(here, {
      up: () => start(whole),
      down: () => stop(whole),
      among: PARTS,
      calls: [/^store.commit 1/, /^images.mount/, /^volumes.mount 1/, /^supervisor.start/],
    }));

  test("its files are written and read, or nothing of it stays mounted", async () => {
    const { containers } = here.engine;
    const tar = archive(entry({ name: "file" }, "content"));
    const options = { noOverwriteDirNonDir: false, copyOwner: false };
    const put = () => containers.writeArchive(whole, "/etc", Readable.from([tar]), options);
    await put();
    const calls = [/^images.mount/, /^volumes.mount 1/];
    const again = async () => {};
    const mounting = { calls, down: again, among: /^(images|volumes)\.mount/ };
    // What could not be unmounted goes with the next look.
    const unmounting = { calls: [/unmount/], up: again, among: /unmount/, tolerates: /^images.unmount/ };
    await comesUpWhole(here, { ...mounting, up: put });
    await goesDownAtLast(here, { ...unmounting, down: put, again: put });
    const get = async () => {
      const { tar } = await containers.readArchive(whole, "/etc/file");
      tar.resume();
      await new Promise((resolve) => tar.once("close", resolve));
    };
    await comesUpWhole(here, { ...mounting, up: get });
    await goesDownAtLast(here, { ...unmounting, down: get, again: get });
  });
});

describe("a container that runs", () => {
  test("is paused and goes on, or is as it was", async () => {
    const { containers } = here.engine;
    const up = () => containers.pause(running);
    const down = () => containers.unpause(running);
    await comesUpWhole(here, { up, down, calls: [/^store.commit 1/, /^supervisor.pause/] });
    // That it goes on can be told to the log alone, where it can't be written down.
    const calls = [/^store.commit 1/, /^supervisor.resume/];
    const again = async () => {
      if (containers.inspect(running).container.state.status === "running") await up();
      await down();
    };
    await goesDownAtLast(here, { up, down, again, calls, tolerates: /^store/ });
  });

  test("has other limits, or those that it had", async () => {
    const { containers } = here.engine;
    const give = (mebibytes: number, PidsLimit: number) => () =>
      containers.update(running, { Memory: mebibytes << 20, MemorySwap: -1, PidsLimit });
    const before = give(128, 100);
    await before();
    const calls = [/^supervisor.update/, /^store.commit 1/];
    await comesUpWhole(here, { up: give(64, 50), down: before, calls });
  });

  test("becomes an image or does not, and runs on", async () => {
    const { containers, images } = here.engine;
    const up = () =>
      containers.commit(running, { reference: "made", comment: "", author: "", pause: true, changes: [] });
    const down = async () => {
      await images.remove("made", { force: false, usedBy: () => [] });
      // That it was thawed may not be on record: it is with the next time.
      await containers.pause(running);
      await containers.unpause(running);
    };
    // The image is there by the time that it is thawed: nobody is told that it is not.
    const calls = [/^images.commit/, /^supervisor.pause/, /^store.commit 3/];
    const among = /^(store|images|supervisor.pause)/;
    await comesUpWhole(here, { up, down, calls, among, tolerates: /^store/ });
    assert.equal(containers.inspect(running).container.state.status, "running");
    // One that can't be thawed is told of: somebody has to do it.
    const { error } = await here.faults.during("supervisor.resume 0", up);
    assert.match(messageOf(error), INJECTED);
    assert.equal(containers.inspect(running).container.state.status, "paused");
    await containers.unpause(running);
    await down();
  });
});
