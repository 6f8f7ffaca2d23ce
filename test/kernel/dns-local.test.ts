import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EndpointID } from "../../src/lib/ids.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { RESOLVER_RULES } from "../../src/network/dns/rules.ts";
import { isolated } from "../support/isolated.ts";
import {
  askTcp,
  Client,
  connectTcp,
  dataOf,
  decoded,
  edns,
  endpoint,
  framed,
  loadRules,
  NET2,
  newDns,
  query,
  readTcp,
  sandbox,
  sh,
} from "./dns-fixture.ts";

isolated(import.meta);
loadRules();

const dns = newDns();
const client = await Client.open();
after(async () => {
  client.close();
  await dns.stop();
});

const WEB = endpoint("web", ["web", "www", "0123456789ab", "host.example"], ["172.18.0.2"]);

beforeEach(async () => {
  await dns.announce([WEB]);
  await dns.serve(sandbox());
});

test("the rules are as the documentation has them", () => {
  const listed = sh("nft list table ip drawbridge-dns");
  assert.equal(listed, RESOLVER_RULES);
  const documented = readFileSync(`${import.meta.dirname}/../../docs/dns.md`, "utf8");
  assert.ok(documented.includes(RESOLVER_RULES));
});

test("names of an endpoint lead to its address, whatever their case, alone or with the network", async () => {
  for (const name of ["web", "WWW", "0123456789ab", "host.example", "web.net1", "Host.Example.NET1"]) {
    const answer = await client.ask(name);
    assert.deepEqual(dataOf(answer), ["172.18.0.2"], name);
    assert.equal(answer.questions?.[0]?.name, name);
    assert.equal(answer.answers?.[0]?.name, name);
  }
  const answer = await client.ask("web");
  const [record] = answer.answers ?? [];
  assert.deepEqual(
    { qr: answer.flag_qr, rd: answer.flag_rd, ra: answer.flag_ra, aa: answer.flag_aa, tc: answer.flag_tc },
    { qr: true, rd: true, ra: true, aa: false, tc: false },
  );
  assert.equal(record && "ttl" in record && record.ttl, 0);
  assert.equal((await client.ask("web", "A", { flags: 0 })).flag_rd, false);
});

test("what a known name has not is answered with nothing, and that it is there", async () => {
  for (const type of ["AAAA", "MX", "TXT", "SRV", "NS", "SOA"] as const) {
    const answer = await client.ask("web", type);
    assert.deepEqual([answer.rcode, answer.answers], ["NOERROR", []], type);
  }
  assert.deepEqual(dataOf(await client.ask("web", "ANY")), ["172.18.0.2"]);
});

test("an endpoint with IPv6 has AAAA, and without IPv4 no A", async () => {
  await dns.announce([
    endpoint("six", ["six"], ["fd00::6"]),
    endpoint("both", ["both"], ["172.18.0.9", "fd00::9"]),
  ]);
  assert.deepEqual(await client.lookup("six", "AAAA"), ["fd00::6"]);
  const none = await client.ask("six");
  assert.deepEqual([none.rcode, none.answers], ["NOERROR", []]);
  assert.deepEqual(await client.lookup("both", "AAAA"), ["fd00::9"]);
  assert.deepEqual(await client.lookup("both"), ["172.18.0.9"]);
  assert.deepEqual(dataOf(await client.ask("both", "ANY")).toSorted(), ["172.18.0.9", "fd00::9"]);
});

test("addresses lead to names", async () => {
  await dns.announce([endpoint("six", ["six"], ["fd00::6"])]);
  assert.deepEqual(await client.lookup("2.0.18.172.in-addr.arpa", "PTR"), ["web.net1"]);
  const nibbles = `6${".0".repeat(29)}.d.f.ip6.arpa`;
  assert.deepEqual(await client.lookup(nibbles, "PTR"), ["six.net1"]);
  assert.equal((await client.ask("3.0.18.172.in-addr.arpa", "PTR")).rcode, "SERVFAIL");
});

test("an alias of several gives all, each first in its turn", async () => {
  const addresses = ["172.18.1.1", "172.18.1.2", "172.18.1.3"];
  await dns.announce(addresses.map((address, i) => endpoint(`db${i}`, [`db${i}`, "db"], [address])));
  const firsts = new Set<unknown>();
  for (let i = 0; i < 6; i += 1) {
    const found = await client.lookup("db");
    assert.deepEqual(found.toSorted(), addresses);
    firsts.add(found[0]);
  }
  assert.deepEqual([...firsts].toSorted(), addresses);
  await dns.withdraw(["db1" as EndpointID]);
  assert.deepEqual((await client.lookup("db")).toSorted(), ["172.18.1.1", "172.18.1.3"]);
  await dns.withdraw(["db0" as EndpointID, "db2" as EndpointID]);
  assert.equal((await client.ask("db")).rcode, "SERVFAIL");
});

test("only networks of the sandbox are looked in; links are its own", async () => {
  await dns.announce([endpoint("other", ["other"], ["172.19.0.2"], NET2)]);
  assert.equal((await client.ask("other")).rcode, "SERVFAIL");
  assert.equal((await client.ask("other.net2")).rcode, "SERVFAIL");
  assert.equal((await client.ask("2.0.19.172.in-addr.arpa", "PTR")).rcode, "SERVFAIL");
  const links = [{ alias: "Partner", endpoint: "other" as EndpointID }];
  await dns.serve(sandbox({ links }));
  assert.deepEqual(await client.lookup("partner"), ["172.19.0.2"]);
  await dns.serve(sandbox({ networks: [NET2] }));
  assert.deepEqual(await client.lookup("other.NET2"), ["172.19.0.2"]);
  assert.equal((await client.ask("web")).rcode, "SERVFAIL");
});

test("a changed address is answered at once", async () => {
  await dns.announce([{ ...WEB, addresses: endpoint("", [], ["172.18.0.77"]).addresses }]);
  assert.deepEqual(await client.lookup("web"), ["172.18.0.77"]);
});

test("with ndots, a name of one label is not known to exist; without it can't be answered", async () => {
  await dns.serve(sandbox({ ndots: 1 }));
  const answer = await client.ask("nobody");
  assert.deepEqual([answer.rcode, answer.answers], ["NOERROR", []]);
  assert.equal((await client.ask("nobody.example")).rcode, "SERVFAIL");
});

test("answers too big for the asker are cut, and whole over TCP", async () => {
  const many = Array.from({ length: 100 }, (_, i) => `172.18.2.${i + 1}`);
  await dns.announce(many.map((address, i) => endpoint(`many${i}`, ["many"], [address])));
  const cut = await client.exchange(query("many"));
  assert.ok(cut.length <= 512);
  assert.equal(decoded(cut).flag_tc, true);
  const whole = await client.ask("many", "A", {
    additionals: [edns(4096)],
  });
  assert.equal(whole.flag_tc, false);
  assert.deepEqual(dataOf(whole).toSorted(), many.toSorted());
  assert.equal(whole.additionals?.[0]?.type, "OPT");
  assert.deepEqual(dataOf(await askTcp("many")).toSorted(), many.toSorted());
});

test("EDNS of another version, and what is no query, are told so", async () => {
  const version = query("web", "A", {
    additionals: [edns(1232, 1)],
  });
  const refused = decoded(await client.exchange(version));
  assert.deepEqual(refused.answers, []);
  const [told] = refused.additionals ?? [];
  assert.equal(told?.type === "OPT" && told.extendedRcode, 1); // BADVERS, 16
  const notify = query("web");
  notify.writeUInt16BE(4 << 11, 2);
  assert.equal(decoded(await client.exchange(notify)).rcode, "NOTIMP");
});

test("what is malformed is dropped", async () => {
  const whole = query("web");
  const two = Buffer.from(whole);
  two.writeUInt16BE(2, 4);
  const response = Buffer.from(whole);
  response.writeUInt16BE(0x8100, 2);
  const pointing = Buffer.concat([whole.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
  const before = client.heard.length;
  for (let length = 0; length < whole.length; length += 1) client.send(whole.subarray(0, length));
  for (const bad of [two, response, pointing, Buffer.alloc(5000, 1)]) client.send(bad);
  // Answered after all of them.
  assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
  assert.equal(client.heard.length, before + 1);
});

test("two thousand at once: each is answered", async () => {
  const burst = await Client.open();
  for (let i = 0; i < 2000; i += 1) {
    const message = query("web");
    message.writeUInt16BE(i);
    burst.send(message);
  }
  for (let i = 0; i < 500 && burst.heard.length < 2000; i += 1) await sleep(10);
  assert.equal(new Set(burst.heard.map((answer) => answer.readUInt16BE())).size, 2000);
  burst.close();
});

test("a TCP client sends as many queries as it likes, in pieces; one that sends no query is hung up on", async () => {
  const stream = await connectTcp();
  const messages = Buffer.concat(Array.from({ length: 100 }, () => framed(query("web"))));
  for (let at = 0; at < messages.length; at += 37) stream.write(messages.subarray(at, at + 37));
  const answers = await readTcp(stream, 100);
  assert.equal(answers.length, 100);
  for (const answer of answers) assert.deepEqual(dataOf(answer), ["172.18.0.2"]);
  const ended = once(stream, "close");
  stream.resume();
  stream.write(Buffer.from([0, 3, 1, 2, 3]));
  await ended;
});

test("a TCP client that doesn't read is not waited for", async () => {
  const many = Array.from({ length: 100 }, (_, i) => `172.18.3.${i + 1}`);
  await dns.announce(many.map((address, i) => endpoint(`slow${i}`, ["slow"], [address])));
  const stream = await connectTcp();
  stream.pause();
  const message = framed(query("slow"));
  for (let i = 0; i < 10_000; i += 1) stream.write(message);
  assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
  assert.deepEqual(dataOf(await askTcp("web")), ["172.18.0.2"]);
  // It has all its answers when it wants them.
  assert.equal((await readTcp(stream, 10_000)).length, 10_000);
  stream.destroy();
});

test("there is a bound to TCP clients: the oldest makes place", async () => {
  const first = await connectTcp();
  const closed = once(first, "close");
  first.resume();
  const others = await Promise.all(Array.from({ length: 128 }, connectTcp));
  await closed;
  const newest = others.at(-1);
  newest?.write(framed(query("web")));
  assert.equal(newest && (await readTcp(newest, 1)).length, 1);
  for (const stream of others) stream.destroy();
});

test("a program of the sandbox has port 53 for itself, on all its addresses", async () => {
  const own = createSocket("udp4");
  own.bind(53, "0.0.0.0");
  await once(own, "listening");
  const heard = once(own, "message");
  assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
  const asker = createSocket("udp4");
  asker.send("hello", 53, "127.0.0.1");
  assert.equal(String((await heard)[0]), "hello");
  asker.close();
  own.close();
});

test("a connected client hears the address that it asked", async () => {
  const socket = createSocket("udp4");
  socket.connect(53, "127.0.0.11");
  await once(socket, "connect");
  socket.send(query("web"));
  const [answer] = await once(socket, "message");
  assert.deepEqual(dataOf(decoded(answer)), ["172.18.0.2"]);
  socket.close();
});

test("each sandbox has its own, IPv6-only ones too; a forgotten one has none", async () => {
  sh(
    "ip netns add second; ip -n second link set lo up; nsenter --net=/run/netns/second sysctl -qw net.ipv6.conf.all.disable_ipv6=0",
  );
  const key = "/run/netns/second" as NetnsPath;
  loadRules(key);
  const second = sandbox({ id: "second" as never, key, networks: [NET2] });
  await dns.announce([endpoint("six2", ["web"], ["fd00:2::2"], NET2)]);
  await dns.serve(second);
  const inside = await Client.open(key);
  assert.deepEqual(await inside.lookup("web", "AAAA"), ["fd00:2::2"]);
  assert.deepEqual(await inside.lookup("web"), []);
  assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
  inside.close();
  assert.match(sh("nsenter --net=/run/netns/second ss -Hlntu"), /127\.0\.0\.11:65353/);
  await dns.forget(second.id);
  assert.equal(sh("nsenter --net=/run/netns/second ss -Hlntu"), "");
  await dns.forget(second.id);
  sh("ip netns del second");
});

test("a sandbox whose namespace is not there is refused, and others go on", async () => {
  const nowhere = sandbox({ id: "nowhere" as never, key: "/run/netns/nowhere" as NetnsPath });
  await assert.rejects(dns.serve(nowhere), { code: "ENOENT", message: /\/run\/netns\/nowhere/ });
  assert.deepEqual(await client.lookup("web"), ["172.18.0.2"]);
});
