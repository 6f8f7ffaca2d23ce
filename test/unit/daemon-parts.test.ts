import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type DaemonConfig, readConfig } from "../../src/daemon/config.ts";
import { createLogger, type DaemonLogger, humanLine } from "../../src/daemon/logger.ts";
import { writePidFile } from "../../src/daemon/pid-file.ts";
import { needRestart, reload } from "../../src/daemon/reload.ts";
import { type Machine, missingParts } from "../../src/daemon/requirements.ts";

const directory = mkdtempSync(join(tmpdir(), "drawbridge-daemon-"));
after(() => rmSync(directory, { recursive: true }));

const logTo = (lines: string[], format: "text" | "json" = "json"): DaemonLogger =>
  createLogger({ level: "info", format, color: false, write: (line) => void lines.push(line) });

test("the log is JSON lines for programs, one line for people", () => {
  const lines: string[] = [];
  const log = logTo(lines);
  log.debug({}, "not heard");
  log.warn({ link: "docker0", err: new Error("EEXIST") }, "odd");
  assert.equal(lines.length, 1);
  const { level, time, message, link, err } = JSON.parse(lines[0] ?? "");
  assert.deepEqual([level, message, link, err.message], ["warn", "odd", "docker0", "EEXIST"]);
  assert.match(time, /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/);
  log.setLevel("debug");
  log.debug({}, "heard");
  assert.equal(lines.length, 2);
  assert.match(humanLine(lines[0] ?? "", false), /^[\d:.]{12} WARN {2}odd: EEXIST link=docker0\n$/);
  assert.ok(humanLine(lines[0] ?? "", true).includes("\u001b[33mWARN"));
});

const machine = (parts: Partial<Machine>): Machine => ({
  hasProgram: () => true,
  hasLibrary: () => true,
  exists: () => true,
  read: () => "nodev\tcgroup2\n",
  ...parts,
});

test("all that is missing is told at once, with what installs it", () => {
  assert.deepEqual(missingParts(machine({})), []);
  assert.deepEqual(missingParts(machine({ hasProgram: (name) => name === "runc" || name === "conmon" })), []);
  const [programs = "", kernel = ""] = missingParts(
    machine({
      hasProgram: () => false,
      hasLibrary: () => false,
      exists: (path) => path.endsWith("/pid"),
      read: () => "nodev\text4\n",
    }),
  );
  assert.match(
    programs,
    /crun or runc.*conmon.*libnftables\.so\.1.*sudo apt-get install -y crun conmon libnftables1$/,
  );
  assert.match(
    kernel,
    /without net namespaces, mnt namespaces, ipc namespaces, uts namespaces, control groups/,
  );
});

test("the pid file: refused while its writer runs, taken over from the dead and from whoever has its number now", async () => {
  const path = join(directory, "sub", "engine.pid");
  const remove = writePidFile(path);
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  remove();
  assert.equal(existsSync(path), false);

  const other = spawn("sleep", ["60"]);
  await once(other, "spawn");
  writeFileSync(path, `${other.pid}\n`);
  assert.throws(() => writePidFile(path), {
    message: new RegExp(`process with PID ${other.pid} is still running`),
  });
  // Written long before that process began: by another one, which had the number before.
  utimesSync(path, 1, 1);
  writePidFile(path)();
  writeFileSync(path, `${other.pid}\n`);
  other.kill("SIGKILL");
  await once(other, "exit");
  const taken = writePidFile(path);
  writeFileSync(path, "1\n");
  taken();
  assert.equal(readFileSync(path, "utf8"), "1\n", "another engine's file stays");
});

const config = (file: object): DaemonConfig =>
  readConfig(new Map(), { path: "f", text: JSON.stringify(file) });

test("SIGHUP takes over labels, level, timeout and live restore, and says what waits for a restart", () => {
  const before = config({});
  const after = config({
    labels: ["a=b"],
    debug: true,
    "live-restore": false,
    "insecure-registries": ["plain.example:5000"],
    "registry-mirrors": ["https://mirror.example"],
    mtu: 1400,
    hosts: ["unix:///x"],
  });
  assert.deepEqual(needRestart(before, after), ["bridge", "listeners"]);
  const lines: string[] = [];
  const told: unknown[] = [];
  const engine = { reload: (settings: unknown) => void told.push(settings) };
  const inForce = reload(before, () => after, engine, logTo(lines));
  const taken = {
    labels: ["a=b"],
    shutdownTimeout: 15,
    liveRestore: false,
    insecureRegistries: ["plain.example:5000"],
    registryMirrors: ["https://mirror.example/"],
  };
  assert.deepEqual(told, [taken]);
  assert.match(lines.join(""), /these settings take effect when the engine is started again/);
  assert.deepEqual(
    [inForce.logLevel, inForce.engine.labels, inForce.engine.bridge.mtu],
    ["debug", ["a=b"], 1500],
  );
  assert.deepEqual(needRestart(inForce, after), ["bridge", "listeners"]);
});

test("SIGHUP with a wrong file changes nothing", () => {
  const before = config({});
  const lines: string[] = [];
  const engine = { reload: () => assert.fail("must not be told") };
  assert.equal(
    reload(before, () => config({ mtu: "x" }), engine, logTo(lines)),
    before,
  );
  assert.match(lines.join(""), /configuration not reloaded, nothing changed/);
});
