import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError, messageOf, unavailable } from "../../src/lib/errors.ts";
import { parseAddress, parseMac, parsePrefix } from "../../src/lib/ip.ts";
import { Writer } from "../../src/linux/bytes.ts";
import { KernelError } from "../../src/linux/ffi.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { type Edge, putData } from "../../src/linux/nftables/datum.ts";
import type { Datum } from "../../src/linux/plan.ts";
import { sysctlPath } from "../../src/linux/sysctl.ts";
import { errorFromWire, errorToWire } from "../../src/linux/wire.ts";

test("a sysctl's file: dots separate, a slash stands for a dot", () => {
  assert.equal(sysctlPath("net.ipv4.ip_forward"), "/proc/sys/net/ipv4/ip_forward");
  assert.equal(sysctlPath("net.ipv4.conf.eth0/10.forwarding"), "/proc/sys/net/ipv4/conf/eth0.10/forwarding");
});

test("a sysctl key that leads elsewhere is refused", () => {
  for (const key of ["", "net..ipv4", "net.//.//.etc.passwd", "net./.x", "net.\0"]) {
    assert.throws(() => sysctlPath(key), { kind: "invalid" }, JSON.stringify(key));
  }
});

function hexOf(data: readonly Datum[], edge?: Edge): string {
  const to = new Writer();
  putData(to, data, edge);
  return Buffer.from(to.written()).toString("hex");
}
const hex = (...data: readonly Datum[]) => hexOf(data);

test("set elements: numbers in network order, parts of a concatenation padded to registers", () => {
  assert.equal(hex({ port: 8080 }), "1f90");
  assert.equal(
    hex({ protocol: 6 }, { address: parseAddress("172.17.0.2") }, { port: 80 }),
    "06000000ac11000200500000",
  );
  assert.equal(hex({ ifname: "veth1" }), "76657468310000000000000000000000");
  assert.equal(hex({ mac: parseMac("02:42:ac:11:00:02") }, { port: 1 }), "0242ac110002000000010000");
  assert.equal(hex({ address: parseAddress("2001:db8::1") }), "20010db8000000000000000000000001");
  assert.equal(hex({ nfproto: "ipv6" }), "0a");
  assert.equal(hex({ nfproto: "ipv4" }, { ifname: "br0" }), "0200000062723000000000000000000000000000");
  assert.throws(() => hex({ ifname: "a-name-of-16-chars" }), RangeError);
  assert.throws(() => hex({ ifname: "" }), RangeError);
});

test("set elements: a subnet has two ends, whatever address of it names it", () => {
  const ends = (text: string) =>
    (["first", "last"] as const).map((edge) => hexOf([{ subnet: parsePrefix(text) }], edge));
  assert.deepEqual(ends("172.17.3.4/16"), ["ac110000", "ac11ffff"]);
  assert.deepEqual(ends("0.0.0.0/0"), ["00000000", "ffffffff"]);
  assert.deepEqual(ends("fd00::/8"), [`fd${"0".repeat(30)}`, `fd${"f".repeat(30)}`]);
});

test("errors cross threads with their class, errno, kind and parts", () => {
  const over = (error: Error) => errorFromWire(structuredClone(errorToWire(error)));
  const kernel = over(new KernelError("create bridge docker0", 17, "taken"));
  assert.ok(kernel instanceof KernelError);
  assert.equal(kernel.code, "EEXIST");
  assert.match(kernel.message, /^create bridge docker0: taken: file already exists \(EEXIST\)$/);
  const engine = over(unavailable("not now"));
  assert.ok(engine instanceof EngineError);
  assert.equal(engine.kind, "unavailable");
  const several = over(new AggregateError([kernel, new TypeError("x")], "both"));
  assert.equal(messageOf(several), `both: ${kernel.message}; x`);
});

/** A thread that answers `links`, never answers `routes`, and dies of `nft`. */
const FRAIL = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", ({ id, call }) => {
      if (call === "nft") throw new Error("struck by lightning");
      if (call !== "routes") parentPort.postMessage({ id, result: [] });
      if (call === "close") parentPort.close();
    });
    parentPort.postMessage({ ready: true });
  `)}`,
);

test("when the thread dies, who waits hears why, and the next call starts another", async () => {
  const deaths: string[] = [];
  const kernel = await startKernel({ program: FRAIL, onDeath: ({ message }) => deaths.push(message) });
  const waiting = assert.rejects(kernel.routes(), { kind: "unavailable", message: /struck by lightning/ });
  await assert.rejects(kernel.nft(""), { kind: "unavailable", message: /struck by lightning/ });
  assert.deepEqual(await kernel.links(), []);
  await waiting;
  assert.deepEqual(deaths, ["struck by lightning"]);
  await kernel.close();
  await assert.rejects(kernel.links(), { kind: "unavailable" });
  await kernel.close();
});

test("a thread that can't start is told to the caller", async () => {
  const program = new URL(`data:text/javascript,throw new Error("no way")`);
  await assert.rejects(startKernel({ program }), { message: /no way/ });
});
