import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { diagnose } from "../../src/doctor/diagnose.ts";
import { exitCodeOf } from "../../src/doctor/exit-code.ts";
import { safeFixes } from "../../src/doctor/fix.ts";
import { renderDiagnosis } from "../../src/doctor/render.ts";
import { diagnosisToJson } from "../../src/doctor/to-json.ts";
import { answerIn, question } from "../../src/doctor/tools/frames.ts";
import { between } from "../../src/doctor/tools/path-mtu.ts";
import type { Check, Diagnosis, Finding } from "../../src/doctor/types.ts";
import { parseAddress, parseMac } from "../../src/lib/ip.ts";
import { PLAIN } from "../../src/trace/render/style.ts";
import { HOST, lab, SILENT } from "../support/doctor-lab.ts";

const finding = (title: string, more: Partial<Finding> = {}): Finding => ({
  check: "made-up",
  severity: "risk",
  title,
  evidence: ["seen"],
  cause: "because",
  fixes: [],
  about: { namespace: HOST },
  ...more,
});

const check = (name: string, look: Check["look"]): Check => ({
  name,
  title: `${name} is well`,
  reports: [],
  looksAt: "host",
  look,
});

const made = (...checks: readonly Check[]): Promise<Diagnosis> =>
  diagnose(lab(), { checks, tools: SILENT, limit: 50 });

describe("a diagnosis", () => {
  test("goes on past a check that throws, and past one that is late", async () => {
    const { findings, unchecked, checked } = await made(
      check("broken", () => {
        throw new Error("no such table");
      }),
      check("slow", () => new Promise(() => {})),
      check("good", () => [finding("a risk")]),
    );
    assert.deepEqual(
      findings.map(({ title }) => title),
      ["a risk"],
    );
    assert.deepEqual(checked, ["good"]);
    assert.deepEqual(
      unchecked.map(({ check: name }) => name),
      ["broken", "slow"],
    );
    assert.equal(unchecked[0]?.why, "no such table");
    assert.match(unchecked[1]?.why ?? "", /^not done after \d+ ms$/);
  });

  test("tells the worst first, and the same thing once", async () => {
    const fix = { command: "true", does: "nothing", safe: true };
    const { findings } = await made(
      check("one", () => [
        finding("b", { severity: "note" }),
        finding("a", { evidence: ["x"], fixes: [fix] }),
      ]),
      check("two", () => [
        finding("c", { severity: "broken" }),
        finding("a", { evidence: ["y"], fixes: [fix] }),
      ]),
    );
    assert.deepEqual(
      findings.map(({ title }) => title),
      ["c", "a", "b"],
    );
    assert.deepEqual(findings[1]?.evidence, ["x", "y"]);
    assert.equal(findings[1]?.fixes.length, 1);
  });

  test("of one container has its own troubles, its networks' and the host's, without notes", async () => {
    const all = check("all", () => [
      finding("web's", { about: { container: "web" } }),
      finding("db's", { about: { container: "db" } }),
      finding("its network's", { about: { network: "bridge" } }),
      finding("another network's", { about: { network: "other" } }),
      finding("the host's"),
      finding("a note on the host", { severity: "note" }),
    ]);
    const { findings } = await diagnose(lab(), { checks: [all], tools: SILENT, container: "web" });
    assert.deepEqual(
      findings.map(({ title }) => title),
      ["web's", "its network's", "the host's"],
    );
  });

  test("refuses a container that isn't there with names that are near", async () => {
    await assert.rejects(
      diagnose(lab(), { container: "wbe", tools: SILENT }),
      /No such container: wbe \(did you mean web\?\)/,
    );
  });

  test("knows a container by the beginning of its id", async () => {
    const { checked } = await diagnose(lab(), {
      checks: [check("one", () => [])],
      container: "webweb",
      tools: SILENT,
    });
    assert.deepEqual(checked, ["one"]);
  });
});

const diagnosis = (findings: readonly Finding[], unchecked: Diagnosis["unchecked"] = []): Diagnosis => ({
  findings,
  unchecked,
  unread: [],
  checked: ["one", "two"],
  took: 300,
});

test("exit codes", () => {
  assert.equal(exitCodeOf(diagnosis([])), 0);
  assert.equal(exitCodeOf(diagnosis([finding("x", { severity: "note" })])), 0);
  assert.equal(exitCodeOf(diagnosis([finding("x")])), 1);
  assert.equal(exitCodeOf(diagnosis([], [{ check: "slow", why: "late" }])), 2);
  assert.equal(exitCodeOf(diagnosis([finding("x")], [{ check: "slow", why: "late" }])), 1);
  assert.equal(exitCodeOf({ ...diagnosis([]), unread: ["host: rules can't be read"] }), 2);
});

test("what can't be read is no proof of health", () => {
  const told = renderDiagnosis({ ...diagnosis([]), unread: ["host: rules can't be read"] }, PLAIN, {
    verbose: false,
  });
  assert.equal(told, "2 checks in 0.3 s: nothing is wrong with what could be looked at\n");
});

describe("as text", () => {
  test("a healthy machine is a line", () => {
    assert.equal(
      renderDiagnosis(diagnosis([]), PLAIN, { verbose: false }),
      "2 checks in 0.3 s: nothing is wrong\n",
    );
  });

  test("a finding has its evidence, cause and a fix to paste on a line of its own", () => {
    const fix = { command: `nft '${"x".repeat(200)}'`, does: "mends it", safe: true };
    const lines = renderDiagnosis(diagnosis([finding("a title", { fixes: [fix] })]), PLAIN, {
      verbose: false,
    }).split("\n");
    assert.equal(lines[0], "risk    a title");
    assert.ok(lines.includes("          seen"));
    assert.ok(lines.includes("        because"));
    assert.ok(lines.includes(`        fix: ${fix.command}`));
    assert.ok(lines.includes("             mends it (--fix does this)"));
    assert.equal(lines.at(-2), "2 checks in 0.3 s: 1 risk");
  });

  test("what could not be checked is told", () => {
    const text = renderDiagnosis(diagnosis([], [{ check: "slow", why: "late" }]), PLAIN, { verbose: false });
    assert.match(text, /^not checked: slow: late\n2 checks/);
  });
});

test("as JSON, with names for what it is about", () => {
  const json = diagnosisToJson(
    lab(),
    diagnosis([
      finding("x", { about: { namespace: HOST, link: { namespace: HOST, ifindex: 3 }, network: "bridge" } }),
    ]),
  );
  assert.deepEqual(json.findings[0]?.about, { namespace: "host", link: "docker0", network: "bridge" });
  assert.equal(json.exitCode, 1);
  assert.deepEqual(JSON.parse(JSON.stringify(json)), json);
});

test("of several fixes the first safe one is carried out, once", () => {
  const fix = (command: string, safe: boolean) => ({ command, does: "", safe });
  const fixes = [fix("rm", false), fix("up", true), fix("on", true)];
  assert.deepEqual(
    safeFixes(diagnosis([finding("a", { fixes }), finding("b", { fixes })])).map(({ command }) => command),
    ["up"],
  );
});

describe("a question for an address", () => {
  const own = parseMac("02:00:00:00:00:01");

  test("by ARP comes from no address, and its answer is read", () => {
    const asked = Buffer.from(question(parseAddress("172.17.0.2"), own));
    assert.equal(asked.subarray(0, 6).toString("hex"), "ffffffffffff");
    assert.equal(asked.subarray(28, 32).toString("hex"), "00000000");
    const reply = Buffer.from(asked);
    reply.writeUInt16BE(2, 20);
    reply.set([0x02, 0x42, 0xac, 0x11, 0, 2, 172, 17, 0, 2], 22);
    assert.deepEqual(answerIn(reply, 4), { address: parseAddress("172.17.0.2"), mac: "02:42:ac:11:00:02" });
    assert.equal(answerIn(reply, 6), undefined);
    assert.equal(answerIn(asked, 4), undefined);
  });

  test("by neighbour discovery goes to its group, with a checksum", () => {
    const asked = Buffer.from(question(parseAddress("2001:db8::12:3456"), own));
    assert.equal(asked.subarray(0, 6).toString("hex"), "3333ff123456");
    let sum = 58 + 24;
    for (let at = 22; at < asked.length; at += 2) sum += asked.readUInt16BE(at);
    assert.equal((sum & 0xffff) + (sum >>> 16), 0xffff);
  });
});

test("sizes lie between what passed and what did not, and end it", () => {
  assert.deepEqual(between(1400, 1401), []);
  assert.deepEqual(between(1400, 1403), [1401, 1402]);
  const sizes = between(576, 1500);
  assert.ok(sizes.length === 10 && sizes.every((size) => size > 576 && size < 1500));
});
