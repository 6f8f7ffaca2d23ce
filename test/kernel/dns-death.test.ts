import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { EndpointID } from "../../src/lib/ids.ts";
import { silent } from "../../src/lib/log.ts";
import { createDns } from "../../src/network/dns/dns.ts";
import { isolated } from "../support/isolated.ts";
import { Client, connectTcp, endpoint, framed, loadRules, query, readTcp, sandbox } from "./dns-fixture.ts";

isolated(import.meta);
loadRules();

const SRC = pathToFileURL(`${import.meta.dirname}/../../src`).href;
const STRIKE = "/run/strike";

/** The real thread, that dies of its next answer where there is a file: by the death that the file tells. */
const MORTAL = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { existsSync, readFileSync, rmSync } from "node:fs";
    import { parentPort } from "node:worker_threads";
    const post = parentPort.postMessage.bind(parentPort);
    parentPort.postMessage = (message) => {
      if (!existsSync("${STRIKE}")) return post(message);
      const death = readFileSync("${STRIKE}", "utf8");
      rmSync("${STRIKE}");
      if (death === "throw") throw new Error("struck");
      const hoard = [];
      for (;;) hoard.push(new Array(1e6).fill(hoard.length + 0.5));
    };
    await import("${SRC}/network/dns/worker.ts");
  `)}`,
);

const client = await Client.open();
after(() => client.close());

const WEB = endpoint("web", ["web"], ["172.18.0.2"]);

for (const death of ["throw", "out of memory"]) {
  test(`a thread that dies (${death}) is followed by another that serves all anew`, async (t) => {
    const deaths: string[] = [];
    const logger = {
      ...silent,
      error: (fields: object) => deaths.push("err" in fields ? String(fields.err) : ""),
    };
    const dns = createDns({ logger, program: MORTAL });
    t.after(() => dns.stop());
    await dns.announce([WEB]);
    await dns.serve(sandbox());
    assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
    // A connection that the first thread has, and can't close.
    const stream = await connectTcp();
    stream.write(framed(query("web")));
    await readTcp(stream, 1);
    const before = readdirSync("/proc/self/fd").length;
    writeFileSync(STRIKE, death);
    await dns.announce([endpoint("db", ["db"], ["172.18.0.3"])]);
    assert.equal(existsSync(STRIKE), false);
    assert.equal(deaths.length, 1);
    assert.match(deaths[0] ?? "", death === "throw" ? /struck/ : /memory/);
    assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
    assert.deepEqual(await client.lookup("db"), ["172.18.0.3"]);
    await dns.withdraw(["web" as EndpointID]);
    assert.equal((await client.ask("web")).rcode, "SERVFAIL");
    // Without the connection of the first, and with the namespace that it couldn't let go of.
    const now = readdirSync("/proc/self/fd").length;
    assert.ok(now <= before + 1, `${before} descriptors, then ${now}`);
    stream.destroy();
  });
}

test("a stopped one takes nothing more, and leaves no descriptor", async () => {
  const before = readdirSync("/proc/self/fd").length;
  for (let i = 0; i < 3; i += 1) {
    const dns = createDns({ logger: silent });
    await dns.serve(sandbox());
    await dns.stop();
    await dns.stop();
    await assert.rejects(dns.serve(sandbox()), { kind: "unavailable" });
  }
  const left = readdirSync("/proc/self/fd").length - before;
  assert.ok(left < 3, `${left} descriptors more`); // Node's own, once
});

test("without a sandbox there is no thread", async () => {
  const dns = createDns({ logger: silent, program: new URL("data:text/javascript,throw new Error()") });
  await dns.announce([WEB]);
  await dns.withdraw([WEB.id]);
  await dns.forget(sandbox().id);
  await dns.stop();
});

for (const end of ["process.exit(7)", "setTimeout(() => { throw new Error('x') })"]) {
  test(`the process ends at once when it wants to: ${end}`, () => {
    const program = `
      const { createDns } = await import("${SRC}/network/dns/dns.ts");
      const { silent } = await import("${SRC}/lib/log.ts");
      const dns = createDns({ logger: silent });
      await dns.serve({ id: "s", key: "/proc/self/ns/net", networks: [], links: [], upstreams: [] });
      ${end};
    `;
    const args = ["--input-type=module", "--eval", program];
    const ended = spawnSync(process.execPath, args, { timeout: 20_000, killSignal: "SIGKILL" });
    assert.deepEqual(
      [ended.signal, ended.status],
      [null, end.includes("exit") ? 7 : 1],
      String(ended.stderr),
    );
  });
}

after(() => rmSync(STRIKE, { force: true }));
