import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { logAttributesOf } from "../../src/container/logs/attributes.ts";
import { compress, fullLogs } from "../../src/container/logs/files.ts";
import { formatLine } from "../../src/container/logs/line.ts";
import { type LogConfig, logConfigOf, logLimitsOf, validateLog } from "../../src/container/logs/options.ts";
import { readLog } from "../../src/container/logs/read.ts";
import { LogRotation } from "../../src/container/logs/rotation.ts";
import type { LogOptions } from "../../src/container/process/monitor-types.ts";
import type { Container } from "../../src/container/types.ts";
import { silent } from "../../src/lib/log.ts";

const json = (Config: Readonly<Record<string, string>>): LogConfig => ({ Type: "json-file", Config });
const local = (Config: Readonly<Record<string, string>>): LogConfig => ({ Type: "local", Config });

describe("log options", () => {
  for (const [log, words] of [
    [{ Type: "syslog", Config: {} }, "logger: no log driver named 'syslog' is registered"],
    [json({ foo: "1" }), "unknown log opt 'foo' for json-file log driver"],
    [local({ labels: "a" }), "unknown log opt 'labels' for log driver local"],
    [json({ mode: "fast" }), "logger: logging mode not supported: fast"],
    [
      json({ "max-buffer-size": "1m" }),
      "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    ],
    [json({ "max-size": "much" }), "invalid size: 'much'"],
    [json({ "max-size": "0" }), "max-size must be a positive number"],
    [json({ "max-file": "x" }), 'strconv.Atoi: parsing "x": invalid syntax'],
    [json({ "max-file": "0" }), "max-file cannot be less than 1"],
    [json({ compress: "perhaps" }), 'strconv.ParseBool: parsing "perhaps": invalid syntax'],
    [
      json({ compress: "true", "max-size": "1m" }),
      "compress cannot be true when max-file is less than 2 or max-size is not set",
    ],
    [local({ "max-size": "x" }), "invalid value for max-size: x: invalid size: 'x'"],
    [local({ "max-file": "1" }), "compression cannot be enabled when max file count is 1"],
  ] as const) {
    it(`are refused: ${words}`, () => {
      assert.throws(() => validateLog(log), { kind: "invalid", message: words });
    });
  }

  it("that Docker takes are taken", () => {
    for (const log of [
      { Type: "none", Config: { anything: "goes" } },
      json({ mode: "non-blocking", "max-buffer-size": "4m", "max-size": "10m", "max-file": "3" }),
      json({ labels: "a", "labels-regex": "^b", env: "C", "env-regex": "^D", tag: "{{.Name}}/{{ .ID }}" }),
      local({ compress: "false", "max-file": "1" }),
    ]) {
      validateLog(log);
    }
    assert.throws(() => validateLog(json({ tag: "{{.Nope}}" })), { kind: "invalid" });
    assert.throws(() => validateLog(json({ "env-regex": "(" })), { kind: "invalid" });
  });

  it("say how large a log may grow", () => {
    assert.equal(logLimitsOf(json({})), undefined);
    assert.deepEqual(logLimitsOf(json({ "max-size": "10k" })), { size: 10_000, files: 1, compress: false });
    assert.deepEqual(logLimitsOf(local({})), { size: 20 << 20, files: 5, compress: true });
  });

  it("of the engine go to containers of the same driver", () => {
    const otherwise = json({ "max-size": "1m", "max-file": "2" });
    assert.deepEqual(logConfigOf(undefined, otherwise), otherwise);
    assert.deepEqual(
      logConfigOf({ Type: "", Config: { "max-file": "9" } }, otherwise),
      json({ "max-size": "1m", "max-file": "9" }),
    );
    assert.deepEqual(logConfigOf({ Type: "local" }, otherwise), local({}));
  });

  it("choose labels, variables and a tag", () => {
    const container = {
      id: "0123456789abcdef",
      name: "web",
      image: "sha256:aa",
      path: "sh",
      args: [],
      config: { Labels: { a: "1", b: "2", team: "x" }, Env: ["V=1=2", "W=3"], Image: "busybox" },
      hostConfig: {
        LogConfig: json({ labels: "a,z", "labels-regex": "^te", env: "V", tag: "{{.Name}}:{{.ID}}" }),
      },
    } as unknown as Container;
    assert.deepEqual(logAttributesOf(container), { a: "1", team: "x", V: "1=2", tag: "web:0123456789ab" });
  });
});

describe("a rotated log", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "drawbridge-logs-"));
    path = join(directory, "container.log");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  let written = 0;
  beforeEach(() => {
    written = 0;
  });
  /** Into whatever file the monitor has open. */
  const write = (count: number, file = path) => {
    for (let i = 0; i < count; i += 1) {
      const text = Buffer.from(String(written));
      appendFileSync(file, formatLine({ time: BigInt(written), stream: "stdout", partial: false, text }));
      written += 1;
    }
  };
  const EVERYTHING: LogOptions = { follow: false, stdout: true, stderr: true };
  const numbers = async (options: Partial<LogOptions> = {}, ended: Promise<unknown> = Promise.resolve()) => {
    const all: number[] = [];
    for await (const { data } of readLog(path, { ...EVERYTHING, ...options }, { ended })) {
      all.push(Number(Buffer.from(data).toString()));
    }
    return all;
  };
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

  it("is read whole, from the oldest file on, compressed or not", async () => {
    for (const sequence of [1, 2, 10]) {
      write(5);
      renameSync(path, `${path}.${sequence}`);
    }
    write(3);
    const [oldest] = fullLogs(path);
    if (oldest) await compress(oldest);
    assert.deepEqual(
      fullLogs(path).map(({ sequence, compressed }) => [sequence, compressed]),
      [
        [1, true],
        [2, false],
        [10, false],
      ],
    );
    assert.deepEqual(await numbers(), range(0, 18));
    for (const tail of [0, 1, 3, 4, 8, 9, 14, 17, 18, 100]) {
      assert.deepEqual(await numbers({ tail }), range(Math.max(0, 18 - tail), 18), `tail ${tail}`);
    }
    assert.deepEqual(await numbers({ since: 4n, until: 12n }), range(4, 13));
  });

  it("is followed from file to file, however many come at once", async () => {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    write(2);
    const following = numbers({ follow: true }, ended);
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      renameSync(path, `${path}.${sequence}`);
      write(1, `${path}.${sequence}`); // until it is told to open the log anew
      if (sequence === 3) {
        const full = fullLogs(path).find((each) => each.sequence === 2);
        if (full) await compress(full);
      }
      write(2);
    }
    end();
    assert.deepEqual(await following, range(0, written));
  });

  it("has no more and no larger files than it may", async () => {
    /** The file that the monitor has open. */
    let open = path;
    writeFileSync(path, "");
    const rotation = new LogRotation({
      path,
      limits: { size: 200, files: 3, compress: true },
      logger: silent,
      reopen: () => {
        open = path;
        writeFileSync(path, "");
        return true;
      },
    });
    const isTidy = () => {
      const full = fullLogs(path);
      return full.length === 2 && full.every(({ compressed, sequence }) => compressed && sequence > 2);
    };
    for (let rounds = 0; !isTidy(); rounds += 1) {
      assert.ok(rounds < 1000, readdirSync(directory).join(" "));
      if (written < 40 && statSync(open).size < 400) write(2, open);
      rotation.wrote();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    rotation.end();
    const all = await numbers();
    assert.deepEqual(all, range(all[0] ?? 0, written));
  });

  it("goes on under its name where the monitor has gone", async () => {
    write(20);
    const before = readFileSync(path);
    let asked = 0;
    const rotation = new LogRotation({
      path,
      limits: { size: 10, files: 2, compress: false },
      logger: silent,
      reopen: () => {
        asked += 1;
        return false;
      },
    });
    for (let rounds = 0; asked === 0; rounds += 1) {
      assert.ok(rounds < 1000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    rotation.end();
    assert.deepEqual(readFileSync(path), before);
    assert.deepEqual(fullLogs(path), []);
  });
});
