/** From words to a flow. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeAnswer, encodeQuestion, isName } from "../../src/lib/dns-question.ts";
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { parseResolvConf } from "../../src/lib/resolv-conf.ts";
import type { Topology } from "../../src/observe/types.ts";
import { inHosts, namesToAsk, serversOf } from "../../src/trace/ends/files.ts";
import { type EndsOptions, findEnds, UnresolvedError } from "../../src/trace/ends/find.ts";
import { parseTo } from "../../src/trace/ends/words.ts";
import { address, container, DB, HOST, id, link, namespace, OUTSIDE, on, WEB, world } from "./trace-world.ts";

const noNames: NonNullable<EndsOptions["resolve"]> = async (_, name) => ({ why: `nobody knows ${name}` });

async function flow(from: string, to: string, options: EndsOptions = {}, topology: Topology = world()) {
  const { destination, source, ...rest } = await findEnds(topology, from, to, {
    resolve: noNames,
    ...options,
  });
  return {
    ...rest,
    destination: formatAddress(destination),
    ...(source && { source: formatAddress(source) }),
  };
}

const end = (label: string, of?: number) => ({ label, ...(of !== undefined && { namespace: of }) });

describe("the words for whom it is for", () => {
  test("have a port and a protocol, or neither", () => {
    assert.deepEqual(parseTo("db"), { name: "db", protocol: "icmp" });
    assert.deepEqual(parseTo("db:5432"), { name: "db", protocol: "tcp", port: 5432 });
    assert.deepEqual(parseTo("db:53/udp"), { name: "db", protocol: "udp", port: 53 });
    assert.deepEqual(parseTo("db/icmp"), { name: "db", protocol: "icmp" });
    assert.deepEqual(parseTo("[2001:db8::1]:80"), { name: "2001:db8::1", protocol: "tcp", port: 80 });
    assert.deepEqual(parseTo("2001:db8::1"), { name: "2001:db8::1", protocol: "icmp" });
    assert.deepEqual(parseTo("example.test:443/TCP"), { name: "example.test", protocol: "tcp", port: 443 });
  });

  for (const [text, problem] of [
    ["", /is no end/],
    ["db:", /is no port/],
    ["db:0", /is no port/],
    ["db:65536", /is no port/],
    ["db:http", /is no port/],
    ["db/udp", /a port is wanted: db:PORT\/udp/],
    ["db:80/sctp", /none of tcp, udp, icmp/],
    ["db:80/icmp", /ICMP has no ports/],
    ["[::1", /is no end/],
  ] as const) {
    test(`${JSON.stringify(text)} is refused`, () =>
      assert.throws(() => parseTo(text), { message: problem }));
  }
});

describe("ends", () => {
  test("a container by name, id and the beginning of its id", async () => {
    const asked = {
      from: end("web", WEB),
      to: end("db", DB),
      destination: "10.2.0.2",
      protocol: "tcp",
      port: 80,
    };
    assert.deepEqual(await flow("web", "db:80"), asked);
    assert.deepEqual(await flow(container("web").id, `${container("db").id}:80`), asked);
    assert.deepEqual(await flow("776562", "6462:80"), asked);
  });

  test("what is not clear, not here, or not running is refused with what was likely meant", async () => {
    const twice = world({ web: { id: `ab${"0".repeat(62)}` }, db: { id: `ab${"1".repeat(62)}` } });
    await assert.rejects(
      flow("ab", "web", {}, twice),
      /ab may be any of web .*, db .*: more of the id is wanted/,
    );
    await assert.rejects(flow("wbe", "db"), /a container named "wbe" isn't here; did you mean web\?/);
    await assert.rejects(
      flow("web", "bd"),
      /a container named "bd" isn't here, nor is it a name for web: nobody knows bd; did you mean db\?/,
    );
    const stopped = world({
      engines: [
        {
          kind: "docker",
          socket: "",
          version: "",
          networks: [],
          containers: [container("gone", { engine: "docker", state: "exited" })],
        },
      ],
    });
    await assert.rejects(flow("gone", "host", {}, stopped), /it is exited; to start it: docker start gone/);
  });

  test("a container on several networks is called by the one that both are on", async () => {
    const third = namespace(id(9), "third", {
      container: container("third", { endpoints: [on("net-b", "10.2.0.9/24"), on("net-a", "10.1.0.9/24")] }),
      addresses: [
        address(1, "127.0.0.1/8"),
        address(2, "10.2.0.9/24"),
        address(3, "10.1.0.9/24"),
        address(3, "fd00::9/64"),
      ],
      links: [link(1, "lo"), link(2, "eth0"), link(3, "eth1")],
    });
    const [engine] = world().engines;
    assert.ok(engine && third.container);
    const topology = world({
      namespaces: [third],
      engines: [{ ...engine, containers: [...engine.containers, third.container] }],
    });
    const to = async (options: EndsOptions) => (await flow("web", "third", options, topology)).destination;
    assert.equal(await to({}), "10.1.0.9");
    assert.equal(await to({ network: "net-b" }), "10.2.0.9");
    assert.equal(await to({ family: 6 }), "fd00::9");
    await assert.rejects(to({ network: "net-c" }), /no address on network net-c; did you mean net-[ab]\?/);
  });

  test("the host, from within it, from a container, from outside", async () => {
    assert.equal((await flow("host", "host")).destination, "127.0.0.1");
    assert.equal((await flow("web", "host")).destination, "10.1.0.1");
    assert.equal((await flow("db", "host:22")).destination, "10.2.0.1");
    assert.equal((await flow("web", "web")).destination, "127.0.0.1");
    assert.deepEqual(await flow("outside", "host:8080"), {
      from: end("outside", OUTSIDE),
      to: end("host", HOST),
      destination: "203.0.113.2",
      protocol: "tcp",
      port: 8080,
    });
  });

  test("outside is beyond the uplink, and a stranger comes in by it", async () => {
    const out = await flow("web", "outside");
    assert.deepEqual([out.destination, out.to.namespace], ["203.0.113.1", OUTSIDE]);
    const host = world().namespaces.get(HOST);
    assert.ok(host);
    const alone = world({
      namespaces: [
        { ...host, links: host.links.map((one) => (one.name === "eth0" ? link(2, "eth0") : one)) },
      ],
    });
    const stranger = await flow("outside", "203.0.113.2:8080", {}, alone);
    assert.deepEqual(stranger.enters, { namespace: HOST, ifindex: 2 });
    assert.equal(stranger.source, "198.51.100.77");
    const named = await flow("192.0.2.9", "203.0.113.2:8080", {}, alone);
    assert.deepEqual([named.source, named.from], ["192.0.2.9", { label: "192.0.2.9" }]);
    await assert.rejects(flow("outside", "[2001:db8::1]:80", {}, alone), /no default route for IPv6/);
  });

  test("an address belongs to whoever has it, the asker's own loopback first", async () => {
    assert.deepEqual((await flow("web", "10.2.0.2:80")).to, end("10.2.0.2", DB));
    assert.deepEqual((await flow("web", "127.0.0.1:80")).to, end("127.0.0.1", WEB));
    assert.deepEqual((await flow("web", "192.0.2.1")).to, end("192.0.2.1"));
    assert.equal((await flow("10.1.0.2", "db")).source, "10.1.0.2");
    await assert.rejects(flow("web", "10.2.0.2", { family: 6 }), /is an IPv4 address, and IPv6 is asked for/);
    await assert.rejects(flow("10.1.0.2", "2001:db8::1"), /they are of two families/);
  });

  test("whoever connects to the unspecified address speaks with himself", async () => {
    assert.deepEqual(
      await flow("web", "0.0.0.0:80"),
      await flow("web", "127.0.0.1:80").then((one) => ({ ...one, to: { ...one.to, label: "0.0.0.0" } })),
    );
  });

  test("an address that no single receiver has is refused with the reason", async () => {
    for (const [to, why] of [
      ["224.0.0.1", /the address of a group/],
      ["[ff02::1]:80", /the address of a group/],
      ["255.255.255.255", /the address of all/],
      ["10.1.0.255:53/udp", /the address of all/],
      ["fe80::1", /one link alone/],
      ["[fe80::1%eth0]:80", /one link alone/],
      ["300.1.1.1", /isn't here, and it is neither an address nor a name that DNS could have/],
    ] as const) {
      await assert.rejects(flow("web", to), why, to);
    }
  });

  test("a name is what the resolver of its asker says", async () => {
    const resolve: EndsOptions["resolve"] = async (from, name) =>
      from.name === "web" && name === "example.test"
        ? { address: parseAddress("192.0.2.7"), by: "127.0.0.11" }
        : { why: "127.0.0.11 says: no such name" };
    const to = (await flow("web", "example.test:80", { resolve })).to;
    assert.deepEqual(to, { label: "example.test (192.0.2.7, says 127.0.0.11)" });
    await assert.rejects(flow("db", "example.test:80", { resolve }), UnresolvedError);
  });
});

describe("names as resolvers have them", () => {
  test("resolv.conf", () => {
    const settings = parseResolvConf(
      "domain old.test\n# nameserver 192.0.2.1\nnameserver 127.0.0.11\nnameserver fe80::1%eth0\nsearch a.test b.test\noptions edns0 ndots:2 ndots:3\n",
    );
    assert.deepEqual(settings.nameservers.map(formatAddress), ["127.0.0.11", "fe80::1"]);
    assert.deepEqual([settings.search, settings.ndots], [["a.test", "b.test"], 3]);
    assert.deepEqual(serversOf(parseResolvConf("")).map(formatAddress), ["127.0.0.1"]);
    const many = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
    const named = parseResolvConf(many.map((one) => `nameserver ${one}\n`).join(""));
    assert.deepEqual(named.nameservers.map(formatAddress), many);
    assert.deepEqual(serversOf(named).map(formatAddress), many.slice(0, 3), "so many are asked");
  });

  test("search lists", () => {
    const settings = { nameservers: [], search: ["a.test", "."], ndots: 1 };
    assert.deepEqual(namesToAsk("db", settings), ["db.a.test", "db"]);
    assert.deepEqual(namesToAsk("db.b", settings), ["db.b", "db.b.a.test"]);
    assert.deepEqual(namesToAsk("db.", settings), ["db."]);
  });

  test("hosts", () => {
    const text = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n10.0.0.1 DB db.test # db2\n";
    assert.deepEqual(inHosts(text, "localhost").map(formatAddress), ["127.0.0.1", "::1"]);
    assert.deepEqual(inHosts(text, "localhost", 6).map(formatAddress), ["::1"]);
    assert.deepEqual(inHosts(text, "db").map(formatAddress), ["10.0.0.1"]);
    assert.deepEqual(inHosts(text, "db2"), []);
  });

  test("a question, and an answer with a pointer and an alias", () => {
    const question = encodeQuestion(0x1234, "web.test", 4);
    assert.equal(
      Buffer.from(question).toString("hex"),
      "123401000001000000000000037765620474657374000001" + "0001",
    );
    const alias = Buffer.from("c00c00050001000000050002c00c", "hex");
    const found = Buffer.from("c00c000100010000000500040a000007", "hex");
    const answer = Buffer.concat([question, alias, found]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(2, 6);
    const decoded = decodeAnswer(answer);
    assert.deepEqual(
      [decoded?.id, decoded?.code, decoded?.addresses.map(formatAddress)],
      [0x1234, 0, ["10.0.0.7"]],
    );
    for (let length = 0; length < answer.length; length += 1) {
      assert.equal(decodeAnswer(answer.subarray(0, length)), undefined, `${length} bytes`);
    }
    assert.equal(decodeAnswer(question), undefined, "a question is no answer");
    assert.throws(() => encodeQuestion(1, `${"x".repeat(64)}.test`, 4), RangeError);
  });

  test("what DNS could not have", () => {
    assert.deepEqual(
      ["a.b", "_x.y-z.", "1.in-addr.arpa", "a..b", "", "x".repeat(64), "ä", "300.1.1.1", "1.2.3"].map(isName),
      [true, true, true, false, false, false, false, false, false],
    );
  });
});
