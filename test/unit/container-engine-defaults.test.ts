/** What an engine gives containers that ask for nothing else. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { hostConfigOf } from "../../src/container/defaults.ts";
import { type EngineDefaults, readSeccompDefault } from "../../src/container/engine-defaults.ts";
import { DEFAULT_LOG } from "../../src/container/logs/options.ts";
import type { HostConfig } from "../../src/container/types.ts";
import { HOST } from "../support/container-fakes.ts";

const of = (asked: Partial<HostConfig>, engine: EngineDefaults, host = HOST) =>
  hostConfigOf(asked, { host, shmSize: 64 << 20, runtime: "crun", log: DEFAULT_LOG, engine });

describe("engine's defaults for containers", () => {
  it("gives ulimits that a container does not name itself", () => {
    const ulimits = [
      { Name: "nofile", Soft: 10, Hard: 20 },
      { Name: "core", Soft: 0, Hard: 0 },
    ];
    const own = { Name: "nofile", Soft: 1, Hard: 2 };
    assert.deepEqual(of({}, { ulimits }).Ulimits, ulimits);
    assert.deepEqual(of({ Ulimits: [own] }, { ulimits }).Ulimits, [own, ulimits[1]]);
  });

  it("gives an init where a container does not say whether", () => {
    assert.equal(of({}, { init: true }).Init, true);
    assert.equal(of({ Init: false }, { init: true }).Init, false);
    assert.equal("Init" in of({}, {}), false);
  });

  it("gives namespaces that a container does not name", () => {
    const modes = ({ IpcMode, CgroupnsMode }: HostConfig) => [IpcMode, CgroupnsMode];
    const defaults: EngineDefaults = { ipcMode: "shareable", cgroupnsMode: "host" };
    assert.deepEqual(modes(of({}, defaults)), ["shareable", "host"]);
    assert.deepEqual(modes(of({ IpcMode: "none", CgroupnsMode: "private" }, defaults)), ["none", "private"]);
    assert.deepEqual(modes(of({}, {})), ["private", "private"]);
  });

  it("leaves privileged containers the host's cgroups on version 1", () => {
    const host = { ...HOST, cgroupVersion: "1" as const };
    const mode = (Privileged: boolean) => of({ Privileged }, { cgroupnsMode: "private" }, host).CgroupnsMode;
    assert.deepEqual([mode(false), mode(true)], ["private", "host"]);
  });

  it("adds what secures a container that says nothing of it", () => {
    const security = (asked: Partial<HostConfig>) =>
      of(asked, { noNewPrivileges: true, seccomp: "unconfined" }).SecurityOpt;
    assert.deepEqual(security({}), ["no-new-privileges", "seccomp=unconfined"]);
    assert.deepEqual(security({ Privileged: true }), ["no-new-privileges"]);
    const own = ["no-new-privileges:false", "seccomp=builtin"];
    assert.deepEqual(security({ SecurityOpt: own }), own);
  });

  it("reads a seccomp profile once, and refuses what is none", () => {
    const directory = mkdtempSync(join(tmpdir(), "drawbridge-seccomp-"));
    after(() => rmSync(directory, { recursive: true }));
    const [good, bad] = [join(directory, "good.json"), join(directory, "bad.json")];
    writeFileSync(good, '{"defaultAction": "SCMP_ACT_ALLOW"}');
    writeFileSync(bad, "{}");
    const read = (path?: string) => readSeccompDefault(path, HOST);
    assert.deepEqual([read(), read("builtin"), read("unconfined")], [undefined, undefined, "unconfined"]);
    assert.equal(read(good), '{"defaultAction": "SCMP_ACT_ALLOW"}');
    assert.throws(() => read(bad), /^EngineError: opening seccomp profile \(.*\) failed: .*no defaultAction/);
    assert.throws(() => read(join(directory, "none")), /failed: ENOENT/);
  });
});
