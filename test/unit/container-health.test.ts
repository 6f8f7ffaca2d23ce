import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import {
  afterProbe,
  delayBeforeProbe,
  type HealthCheck,
  healthCheckOf,
  inheritHealthcheck,
  startingHealth,
  validateHealthcheck,
} from "../../src/container/health/check.ts";
import type { ProbeOutcome } from "../../src/container/process/monitor-types.ts";
import type { ContainerConfig, Containers, Health } from "../../src/container/types.ts";
import { formatDuration } from "../../src/lib/go-duration.ts";
import { Turns } from "../../src/lib/turns.ts";
import { request, World } from "../support/container-fakes.ts";

const SECOND = 1e9; // nanoseconds
const config = (Healthcheck: ContainerConfig["Healthcheck"], Shell?: readonly string[]) =>
  ({ Healthcheck, ...(Shell && { Shell }) }) as ContainerConfig;

describe("a health check", () => {
  it("has Docker's defaults", () => {
    assert.deepEqual(healthCheckOf(config({ Test: ["CMD", "true"] })), {
      command: ["true"],
      interval: 30_000,
      timeout: 30_000,
      retries: 3,
      startPeriod: 0,
      startInterval: 5000,
    });
  });

  it("is run by a shell, the image's own where it has one", () => {
    const Test = ["CMD-SHELL", "exit 1"];
    assert.deepEqual(healthCheckOf(config({ Test }))?.command, ["/bin/sh", "-c", "exit 1"]);
    assert.deepEqual(healthCheckOf(config({ Test }, ["/bin/ash", "-ec"]))?.command, [
      "/bin/ash",
      "-ec",
      "exit 1",
    ]);
  });

  it("is none without a test, with NONE, and of a kind that isn't known", () => {
    for (const Test of [undefined, [], ["NONE"], ["HTTP", "/"]]) {
      assert.equal(healthCheckOf(config(Test ? { Test } : {})), undefined);
    }
  });

  it("comes from the image field by field", () => {
    const image = { Test: ["CMD", "a"], Interval: 5 * SECOND, Retries: 7 };
    assert.deepEqual(inheritHealthcheck({ Timeout: SECOND, Interval: 0 }, image), {
      ...image,
      Timeout: SECOND,
    });
    assert.deepEqual(inheritHealthcheck({ Test: ["NONE"] }, image)?.Test, ["NONE"]);
    assert.deepEqual(inheritHealthcheck(undefined, image), image);
    assert.deepEqual(inheritHealthcheck({ Retries: 1 }, undefined), { Retries: 1 });
  });

  it("is refused in Docker's words", () => {
    const refusal = (given: Parameters<typeof validateHealthcheck>[0], words: string) =>
      assert.throws(() => validateHealthcheck(given), { message: words, kind: "invalid" });
    for (const field of ["Interval", "Timeout", "StartPeriod", "StartInterval"]) {
      refusal({ [field]: 1000 }, `${field} in Healthcheck cannot be less than 1ms`);
      refusal({ [field]: -SECOND }, `${field} in Healthcheck cannot be less than 1ms`);
    }
    refusal({ Retries: -1 }, "Retries in Healthcheck cannot be negative");
    validateHealthcheck({ Interval: 1e6, Retries: 0 });
  });

  it("is more frequent in the start period, until it first succeeds", () => {
    const check = { startPeriod: 100, startInterval: 5, interval: 30 } as HealthCheck;
    assert.equal(delayBeforeProbe(check, "starting", 99), 5);
    assert.equal(delayBeforeProbe(check, "starting", 100), 30);
    assert.equal(delayBeforeProbe(check, "healthy", 50), 30);
  });
});

const result = (exitCode: number, at: number) => {
  const start = new Date(at).toISOString();
  return { start, end: start, exitCode, output: "" };
};

describe("health", () => {
  const check = { retries: 2, startPeriod: 100 } as HealthCheck;
  /** Each probe's code, `*` for one within the start period. */
  const story = (probes: string): Health =>
    probes
      .split(" ")
      .reduce(
        (health, probe) =>
          afterProbe(
            health,
            check,
            result(Number(probe.replace("*", "")), probe.includes("*") ? 50 : 200),
            0,
          ),
        startingHealth(undefined),
      );

  for (const [probes, status, failingStreak] of [
    ["0", "healthy", 0],
    ["1", "starting", 1],
    ["1 1", "unhealthy", 2],
    ["1 1 1", "unhealthy", 3],
    ["1 1 0", "healthy", 0],
    ["0 1", "healthy", 1],
    ["0 -1 -1", "unhealthy", 2],
    ["1* 1* 1* 1*", "starting", 0],
    ["1* 1* 1", "starting", 1],
    ["0* 1* 1*", "unhealthy", 2],
  ] as const) {
    it(`after ${probes} is ${status}`, () => {
      const health = story(probes);
      assert.deepEqual([health.status, health.failingStreak], [status, failingStreak]);
    });
  }

  it("keeps the last five results, and is unhealthy only after enough failures in a row", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 1, maxLength: 30 }), (codes) => {
        const health = story(codes.join(" "));
        assert.deepEqual(
          health.log.map(({ exitCode }) => exitCode),
          codes.slice(-5),
        );
        const streak = codes.length - 1 - codes.lastIndexOf(0);
        assert.equal(health.failingStreak, streak);
        const expected = streak >= 2 ? "unhealthy" : codes.includes(0) ? "healthy" : "starting";
        const wasIll = codes.join(" ").match(/(^| )(-1|1|2) (-1|1|2)( |$)/) !== null;
        // Who never was healthy and failed but once is starting still; who was, stays so.
        if (streak >= 2 || streak === 0) assert.equal(health.status, expected);
        else assert.ok(wasIll || health.status === expected);
      }),
    );
  });
});

describe("a container's health", () => {
  let world: World;
  let containers: Containers;
  let outcomes: (() => Promise<ProbeOutcome>)[];
  let killed: number;
  beforeEach(() => {
    world = new World();
    containers = world.containers();
    outcomes = [];
    killed = 0;
    world.onProbe = () => ({ ended: outcomes.shift()?.() ?? forever(), kill: () => (killed += 1) });
  });
  afterEach(async () => {
    await containers.stop({ stopAll: false, timeout: 0 });
    world.remove();
  });

  const forever = () => new Promise<ProbeOutcome>(() => {});
  const code =
    (exitCode: number, output = "") =>
    async () => ({ exitCode, output, timedOut: false });
  const health = (id: string) => containers.inspect(id).container.state.health;

  async function begin(Healthcheck: ContainerConfig["Healthcheck"]): Promise<string> {
    const { id } = await containers.create(
      request({}, { Healthcheck: { Interval: 1e6, Retries: 1, ...Healthcheck } }),
    );
    await containers.startContainer(id);
    return id;
  }

  async function until(condition: () => boolean): Promise<void> {
    for (let turns = 0; !condition(); turns += 1) {
      assert.ok(turns < 2000, "it never came true");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  it("is told by events as Docker tells it", async () => {
    outcomes = [code(1, "no"), code(0)];
    const id = await begin({ Test: ["CMD", "check", "it"] });
    await until(() => health(id)?.status === "healthy");
    const told = world.story().filter((line) => /exec|health/.test(line));
    const probe = ["exec_create: check it", "exec_start: check it"];
    assert.deepEqual(told.slice(0, 8), [
      ...[...probe, "exec_die 1", "health_status: unhealthy"],
      ...[...probe, "exec_die 0", "health_status: healthy"],
    ]);
    assert.deepEqual(
      health(id)?.log.map(({ exitCode, output }) => [exitCode, output]),
      [
        [1, "no"],
        [0, ""],
      ],
    );
  });

  it("says how long a probe had, and why one could not be run", async () => {
    outcomes = [
      async () => ({ exitCode: 137, output: "so far", timedOut: true }),
      async () => {
        throw new Error("no runtime");
      },
    ];
    const id = await begin({ Test: ["CMD", "x"], Timeout: 1500 * 1e6 });
    await until(() => health(id)?.log.length === 2);
    assert.deepEqual(
      health(id)?.log.map(({ exitCode, output }) => [exitCode, output]),
      [
        [-1, "Health check exceeded timeout (1.5s): so far"],
        [-1, "no runtime"],
      ],
    );
  });

  it("is not probed while paused, or after its end, and is unhealthy then", async () => {
    outcomes = [code(0)];
    const id = await begin({ Test: ["CMD", "x"] });
    await until(() => health(id)?.status === "healthy");
    await containers.pause(id);
    assert.equal(health(id)?.status, "unhealthy");
    outcomes = [code(0)];
    await containers.unpause(id);
    await until(() => health(id)?.status === "healthy");
    await until(() => world.story().at(-1) === "exec_start: x ");
    await containers.stopContainer(id, {});
    assert.ok(killed > 0, "the probe that was running is ended");
    assert.equal(health(id)?.status, "unhealthy");
    outcomes = [];
    await containers.startContainer(id);
    assert.deepEqual([health(id)?.status, health(id)?.failingStreak], ["starting", 0]);
  });

  it("goes on with the next engine", async () => {
    outcomes = [code(0)];
    const id = await begin({ Test: ["CMD", "x"] });
    await until(() => health(id)?.status === "healthy");
    await containers.stop({ stopAll: false, timeout: 0 });
    containers = world.containers();
    outcomes = [code(3)];
    await containers.start();
    assert.equal(health(id)?.status, "healthy");
    await until(() => health(id)?.status === "unhealthy");
  });

  it("a hundred containers are probed a few at a time", async () => {
    let [running, most] = [0, 0];
    world.onProbe = () => {
      running += 1;
      most = Math.max(most, running);
      const ended = new Promise<ProbeOutcome>((resolve) =>
        setTimeout(() => {
          running -= 1;
          resolve({ exitCode: 0, output: "", timedOut: false });
        }, 1),
      );
      return { ended, kill: () => {} };
    };
    const ids = await Promise.all(Array.from({ length: 100 }, () => begin({ Test: ["CMD", "x"] })));
    await until(() => ids.every((id) => health(id)?.status === "healthy"));
    assert.ok(most < 50, `${most} at a time`);
  });
});

describe("turns", () => {
  it("are never more than there may be, and come in order", async () => {
    const turns = new Turns(2);
    const order: number[] = [];
    const held: (() => void)[] = [];
    for (let n = 0; n < 5; n += 1) {
      void turns.take().then((end) => {
        order.push(n);
        held.push(end);
      });
    }
    const pause = () => new Promise((resolve) => setImmediate(resolve));
    await pause();
    assert.deepEqual(order, [0, 1]);
    held[0]?.();
    held[0]?.(); // once is enough
    await pause();
    assert.deepEqual(order, [0, 1, 2]);
    for (const end of held) end();
    await pause();
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
  });
});

it("durations are written as Go writes them", () => {
  for (const [nanoseconds, text] of [
    [0, "0s"],
    [5, "5ns"],
    [1500, "1.5µs"],
    [100e6, "100ms"],
    [1e9, "1s"],
    [30e9, "30s"],
    [61.5e9, "1m1.5s"],
    [3600e9, "1h0m0s"],
  ] as const) {
    assert.equal(formatDuration(nanoseconds), text);
  }
});
