/** `drawbridge trace` and `drawbridge map`, as they are typed, on an engine's real networks. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const DRAWBRIDGE = join(import.meta.dirname, "../../bin/drawbridge");

interface Traced {
  readonly code: number;
  readonly verdict: {
    readonly sentence: string;
    readonly fixes: readonly { readonly command: string }[];
    readonly exitCode: number;
  };
  readonly rows: readonly { readonly agree: string }[];
}

describe("trace", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();

  const run = (...args: readonly string[]) =>
    suite.host.run(DRAWBRIDGE, args, { check: false, env: { LC_ALL: "C.UTF-8" } });

  async function trace(...args: readonly string[]): Promise<Traced> {
    const { code, stdout, stderr } = await run("trace", "--json", ...args);
    assert.equal(stderr, "");
    return { code, ...JSON.parse(stdout) };
  }

  /** @param command the first that the verdict has for it */
  async function expect(
    args: readonly string[],
    code: number,
    sentence: RegExp,
    command?: string,
  ): Promise<void> {
    const traced = await trace(...args);
    const { verdict } = traced;
    assert.match(verdict.sentence, sentence);
    assert.deepEqual([traced.code, verdict.exitCode, verdict.fixes[0]?.command], [code, code, command]);
    const surprises = traced.rows.filter(({ agree }) => agree === "seen only" || agree === "predicted only");
    assert.deepEqual(surprises, []);
  }

  before(async () => {
    const { host } = suite;
    await host.docker("network", "create", "net-a");
    await host.docker("network", "create", "net-b");
    const start = (name: string, network: string, ...rest: readonly string[]) =>
      host.docker("run", "-d", "--name", name, "--network", network, ...rest);
    await start("web", "net-a", "-p", "8080:80", "--network-alias", "front", "busybox", "httpd", "-f");
    await start("shy", "net-a", "busybox", "httpd", "-f", "-p", "127.0.0.1:80");
    await start("db", "net-b", "busybox", "sleep", "1000");
  });

  test("a neighbour is reached, and a published port", async () => {
    await expect(["shy", "web:80"], 0, /^reached: shy reaches web at 172\.\d+\.0\.2 port 80\/tcp/);
    await expect(
      ["outside", "host:8080"],
      0,
      /^reached: outside reaches host at 203\.0\.113\.2 port 8080\/tcp/,
    );
  });

  test("networks are kept apart, and the verdict says what joins them", async () => {
    const sentence =
      /^dropped in namespace host at bridge isolation: net-b may not reach net-a \(rule inet drawbridge inbound handle \d+: drop\)/;
    for (const how of [[], ["--predict-only"]]) {
      await expect([...how, "db", "web:80"], 1, sentence, "drawbridge network connect net-a db");
    }
  });

  test("a server on loopback alone is told from none", async () => {
    await expect(["web", "shy:80"], 1, /the server listens at 127\.0\.0\.1:80 alone/, await ssIn("shy"));
    await expect(["web", "shy:81"], 1, /at port 81\/tcp of shy: nobody listens on it/, "drawbridge logs shy");
  });

  /** The command that shows who listens in there. */
  async function ssIn(name: string): Promise<string> {
    const pid = (await suite.host.docker("inspect", "-f", "{{.State.Pid}}", name)).stdout.trim();
    return `nsenter -t ${pid} -n ss -ltnup 'sport = :80'`;
  }

  test("names are what the container's own resolver says", async () => {
    const { verdict } = await trace("shy", "front:80");
    assert.match(verdict.sentence, /^reached: shy reaches front \(172\.\d+\.0\.2, says 127\.0\.0\.11\)/);
    const { code, stdout } = await run("trace", "shy", "nowhere.example:80");
    assert.equal(code, 1);
    assert.match(stdout, /^not reached: nowhere\.example has no address for shy: 127\.0\.0\.11/);
  });

  test("who isn't here is told from who is called nearly so", async () => {
    const { code, stderr } = await run("trace", "wbe", "db");
    assert.deepEqual(
      [code, stderr],
      [125, `drawbridge: a container named "wbe" isn't here; did you mean web?\n`],
    );
    for (const args of [
      ["web"],
      ["web", "db", "80"],
      ["web", "db", "--wait", "0"],
      ["-4", "-6", "web", "db"],
    ]) {
      assert.equal((await run("trace", ...args)).code, 125, args.join(" "));
    }
  });

  test("the map has both ends of each pair", async () => {
    const { stdout } = await run("map");
    assert.match(
      stdout,
      /─ veth[0-9a-f]{7} \(\d+\) ── eth0 \(\d+\) web +172\.\d+\.0\.2\/16 *\n? +busybox \*:8080→80\/tcp/,
    );
    const { namespaces } = JSON.parse((await run("map", "--json")).stdout);
    const names = namespaces.map(({ name }: { name: string }) => name);
    assert.deepEqual(
      ["db", "host", "shy", "web"].filter((name) => !names.includes(name)),
      [],
    );
  });
});
