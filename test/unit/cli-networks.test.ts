import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseCsv } from "../../src/cli/csv.ts";
import { compareNaturally } from "../../src/cli/natural.ts";
import networkCreate, { networkBody } from "../../src/cli/network-create.ts";
import { type IpamFlags, ipamConfigs } from "../../src/cli/network-ipam.ts";
import { parseExposed, parsePortSpecs } from "../../src/cli/port-spec.ts";
import { readCommandLine } from "../../src/cli/verb.ts";
import { type Answer, drawbridge, fakeEngine } from "./cli-fake-engine.ts";

test("port specs in all their forms", () => {
  const one = (HostIp: string, HostPort: string) => [{ HostIp, HostPort }];
  const table: readonly [spec: string, bindings: object][] = [
    ["80", { "80/tcp": one("", "") }],
    ["80/UDP", { "80/udp": one("", "") }],
    ["8080:80", { "80/tcp": one("", "8080") }],
    ["0:80", { "80/tcp": one("", "0") }],
    [":80", { "80/tcp": one("", "") }],
    ["127.0.0.1:8080:80/sctp", { "80/sctp": one("127.0.0.1", "8080") }],
    ["127.0.0.1::80", { "80/tcp": one("127.0.0.1", "") }],
    ["[::1]:80:80", { "80/tcp": one("::1", "80") }],
    ["2001:db8::1:81:80", { "80/tcp": one("2001:db8::1", "81") }],
    ["8000-8010:80", { "80/tcp": one("", "8000-8010") }],
    ["7000-7001:80-81", { "80/tcp": one("", "7000"), "81/tcp": one("", "7001") }],
    ["80-81", { "80/tcp": one("", ""), "81/tcp": one("", "") }],
    ["published=8080,target=80,protocol=udp", { "80/udp": one("", "8080") }],
    ["target=80", { "80/tcp": one("", "") }],
  ];
  for (const [spec, bindings] of table) assert.deepEqual(parsePortSpecs([spec]), bindings, spec);
  assert.deepEqual(parsePortSpecs(["80:80", "81:80"]), {
    "80/tcp": [
      { HostIp: "", HostPort: "80" },
      { HostIp: "", HostPort: "81" },
    ],
  });
});

test("port specs that are none, in Docker's words", () => {
  const table: readonly [spec: string, message: string][] = [
    ["", "no port specified: <empty>"],
    ["8080:", "no port specified: 8080:<empty>"],
    ["x", "invalid containerPort: x"],
    ["70000", "invalid containerPort: 70000"],
    ["81-80", "invalid containerPort: 81-80"],
    ["x:80", "invalid hostPort: x"],
    ["1.2.3:80:80", "invalid IP address: 1.2.3"],
    ["[::g]:80:80", "invalid IP address: ::g"],
    ["80/icmp", "invalid proto: icmp"],
    ["7000-7002:80-81", "invalid ranges specified for container and host Ports: 80-81 and 7000-7002"],
    ["target=80,udp", "invalid publish opts format (should be name=value but got 'udp')"],
  ];
  for (const [spec, message] of table) assert.throws(() => parsePortSpecs([spec]), { message }, spec);
  assert.deepEqual(parseExposed(["80-82/udp", "443"]), ["80/udp", "81/udp", "82/udp", "443/tcp"]);
  assert.throws(() => parseExposed(["1:2"]), { message: "invalid port format for --expose: 1:2" });
  assert.throws(() => parseExposed(["2-1"]), { message: "invalid range format for --expose: 2-1" });
});

test("ranges keep their distance, port by port", () => {
  const port = fc.integer({ min: 1, max: 60_000 });
  fc.assert(
    fc.property(port, port, fc.integer({ min: 1, max: 50 }), (inside, outside, more) => {
      const bindings = parsePortSpecs([`${outside}-${outside + more}:${inside}-${inside + more}`]);
      assert.equal(Object.keys(bindings).length, more + 1);
      for (let i = 0; i <= more; i += 1) {
        assert.deepEqual(bindings[`${inside + i}/tcp`], [{ HostIp: "", HostPort: `${outside + i}` }]);
      }
    }),
  );
});

test("any fields survive a line of CSV", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 2 }), (fields) => {
      const line = fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(",");
      assert.deepEqual(parseCsv(line), fields);
    }),
  );
  assert.deepEqual(parseCsv("a,,b c"), ["a", "", "b c"]);
  for (const wrong of ['"a', 'a"b', '"a"b', ',"']) assert.throws(() => parseCsv(wrong), /parse error/, wrong);
});

test("numbers in names count by their value", () => {
  const words = ["net10", "net2", "a", "net", "net2b", "2", "10"];
  assert.deepEqual(words.toSorted(compareNaturally), ["2", "10", "a", "net", "net2", "net2b", "net10"]);
});

const NONE: IpamFlags = { subnet: [], ipRange: [], gateway: [], auxAddress: {} };

test("ranges, gateways and addresses find their subnets", () => {
  assert.deepEqual(
    ipamConfigs({
      subnet: ["10.1.0.0/16", "fd00:1::/64"],
      ipRange: ["10.1.5.0/24"],
      gateway: ["fd00:1::1", "10.1.0.1"],
      auxAddress: { a: "10.1.0.2", b: "fd00:1::2" },
    }),
    [
      {
        Subnet: "10.1.0.0/16",
        IPRange: "10.1.5.0/24",
        Gateway: "10.1.0.1",
        AuxiliaryAddresses: { a: "10.1.0.2" },
      },
      { Subnet: "fd00:1::/64", Gateway: "fd00:1::1", AuxiliaryAddresses: { b: "fd00:1::2" } },
    ],
  );
  const subnet = ["10.1.0.0/16", "10.2.0.0/16"];
  const table: readonly [flags: Partial<IpamFlags>, message: string][] = [
    [{ gateway: ["10.1.0.1"] }, "every ip-range or gateway must have a corresponding subnet"],
    [{ subnet: ["10.1"] }, "invalid subnet: invalid CIDR address: 10.1"],
    [
      { subnet: ["10.1.0.0/16", "10.1.2.0/24"] },
      "multiple overlapping subnet configuration is not supported",
    ],
    [{ subnet: subnet, gateway: ["10.9.0.1"] }, "no matching subnet for gateway 10.9.0.1"],
    [{ subnet: subnet, ipRange: ["10.9.0.0/24"] }, "no matching subnet for range 10.9.0.0/24"],
    [{ subnet: subnet, auxAddress: { a: "fd00::1" } }, "no matching subnet for aux-address fd00::1"],
    [
      { subnet: subnet, gateway: ["10.1.0.1", "10.1.0.2"] },
      "cannot configure multiple gateways (10.1.0.2, 10.1.0.1) for the same subnet (10.1.0.0/16)",
    ],
    [
      { subnet: subnet, ipRange: ["10.1.1.0/24", "10.1.2.0/24"] },
      "cannot configure multiple ranges (10.1.2.0/24, 10.1.1.0/24) on the same subnet (10.1.0.0/16)",
    ],
  ];
  for (const [flags, message] of table) assert.throws(() => ipamConfigs({ ...NONE, ...flags }), { message });
});

test("network create: the body by the flags", () => {
  const body = (line: string) => {
    const { words, options } = readCommandLine("network create", networkCreate, line.split(" "));
    return JSON.parse(JSON.stringify(networkBody(words[0] ?? "", options as never))) as Record<
      string,
      unknown
    >;
  };
  assert.deepEqual(body("net1"), {
    Name: "net1",
    Driver: "bridge",
    IPAM: { Driver: "default", Options: {}, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigOnly: false,
    Options: {},
    Labels: {},
  });
  const all = body(
    "-d macvlan --ipv6 --ipv4=false --internal --attachable --config-only --config-from base --scope local --label a=b --label c -o parent=eth0 --ipam-driver null --ipam-opt x=y --subnet 10.1.0.0/16,10.2.0.0/16 --gateway 10.2.0.1 net1",
  );
  assert.deepEqual([all.EnableIPv4, all.EnableIPv6, all.Scope], [false, true, "local"]);
  assert.deepEqual([all.ConfigFrom, all.ConfigOnly], [{ Network: "base" }, true]);
  assert.deepEqual([all.Labels, all.Options], [{ a: "b", c: "" }, { parent: "eth0" }]);
  assert.deepEqual(all.IPAM, {
    Driver: "null",
    Options: { x: "y" },
    Config: [
      { Subnet: "10.1.0.0/16", AuxiliaryAddresses: {} },
      { Subnet: "10.2.0.0/16", Gateway: "10.2.0.1", AuxiliaryAddresses: {} },
    ],
  });
});

const bodyOf = (asked: { readonly body: string } | undefined): unknown => JSON.parse(asked?.body ?? "null");

test("network verbs: what they ask, and what they print", async () => {
  const ok: Answer = { status: 200 };
  await using engine = await fakeEngine({
    "POST /networks/create": { json: { Id: "0123", Warning: "subnet left out" } },
    "POST /networks/my%20net/connect": ok,
    "POST /networks/net1/disconnect": ok,
    "DELETE /networks/net1": { status: 204 },
    "DELETE /networks/used": { status: 403, message: "network used has active endpoints" },
    "DELETE /networks/none": { status: 404, message: "network none not found" },
    "POST /networks/prune": { json: { NetworksDeleted: ["a", "b"] } },
  });
  const call = async (...words: string[]) => {
    const { status, stdout, stderr } = await drawbridge(engine.host, ["network", ...words]);
    return `${status} ${stdout}${stderr}`;
  };
  assert.equal(await call("create", "net1"), "0 0123\nWARNING: subnet left out\n");
  const connect = ["--ip", "10.1.0.9", "--alias", "a,b", "--link", "web:www", "--driver-opt", '"k=x,y"'];
  assert.equal(await call("connect", ...connect, "--gw-priority", "-1", "my net", "c1"), "0 ");
  assert.deepEqual(bodyOf(engine.asked.at(-1)), {
    Container: "c1",
    EndpointConfig: {
      IPAMConfig: { IPv4Address: "10.1.0.9" },
      Links: ["web:www"],
      Aliases: ["a", "b"],
      DriverOpts: { k: "x,y" },
      GwPriority: -1,
    },
  });
  assert.equal(await call("disconnect", "-f", "net1", "c1"), "0 ");
  assert.deepEqual(bodyOf(engine.asked.at(-1)), { Container: "c1", Force: true });
  assert.equal(
    await call("rm", "net1", "used"),
    "1 net1\nError response from daemon: network used has active endpoints\n",
  );
  assert.equal(await call("rm", "-f", "none", "net1"), "0 net1\n");
  assert.equal(await call("prune", "-f", "--filter", "until=24h"), "0 Deleted Networks:\na\nb\n\n");
  assert.equal(engine.asked.at(-1)?.query.get("filters"), '{"until":["24h"]}');
});

test("network prune asks first: only y is a yes", async () => {
  await using engine = await fakeEngine({ "POST /networks/prune": { json: { NetworksDeleted: null } } });
  const question =
    "WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue? [y/N] ";
  for (const [input, asked] of [
    ["", 0],
    ["no\n", 0],
    ["Y\n", 1],
  ] as const) {
    const ran = await drawbridge(engine.host, ["network", "prune"], { input });
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, question, ""]);
    assert.equal(engine.asked.length, asked);
  }
});

test("port: all of a container's, or one port's; more of them, and fewer", async () => {
  const Ports = {
    "443/tcp": null,
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8080" },
      { HostIp: "::", HostPort: "8080" },
    ],
    "9/udp": [{ HostIp: "127.0.0.1", HostPort: "9" }],
  };
  const routes = "/drawbridge/containers/web/ports";
  await using engine = await fakeEngine({
    "GET /containers/web/json": { json: { NetworkSettings: { Ports } } },
    [`POST ${routes}`]: { json: { Ports } },
    [`DELETE ${routes}`]: { json: { Ports: {} } },
  });
  const call = async (...words: string[]) => {
    const { status, stdout, stderr } = await drawbridge(engine.host, ["port", ...words]);
    return `${status} ${stdout}${stderr}`;
  };
  const tcp = "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n";
  assert.equal(await call("web"), `0 9/udp -> 127.0.0.1:9\n${tcp}`);
  assert.equal(await call("web", "80"), "0 0.0.0.0:8080\n[::]:8080\n");
  assert.equal(await call("web", "9/udp"), "0 127.0.0.1:9\n");
  assert.equal(await call("web", "443"), "1 Error: No public port '443' published for web\n");
  assert.match(await call("web", "x"), /^1 Error: invalid port \(x\): strconv/);
  assert.equal(await call("add", "web", "8080:80"), `0 ${tcp}`);
  const bindings = { PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] } };
  assert.deepEqual(bodyOf(engine.asked.at(-1)), bindings);
  assert.equal(await call("rm", "web", "8080:80"), "0 ");
  assert.deepEqual([engine.asked.at(-1)?.method, bodyOf(engine.asked.at(-1))], ["DELETE", bindings]);
  assert.match(await call("add", "web", "x"), /^1 invalid containerPort: x\n$/);
  assert.match(await call("add", "web"), /requires at least 2 arguments/);
  assert.match(await call("--help"), /Commands:\n {2}add +Publish more/);
});

test("create: a container that is not started", async () => {
  await using engine = await fakeEngine({
    "POST /containers/create": { json: { Id: "c1", Warnings: ["mind this"] } },
  });
  const ran = await drawbridge(engine.host, ["create", "-p", "80:80", "--name", "web", "b", "sh", "-d"]);
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "c1\n", "WARNING: mind this\n"]);
  assert.equal(engine.asked.length, 1);
  assert.equal(engine.asked[0]?.query.get("name"), "web");
  const { Cmd, HostConfig } = bodyOf(engine.asked[0]) as {
    Cmd: string[];
    HostConfig: { PortBindings: object };
  };
  assert.deepEqual([Cmd, Object.keys(HostConfig.PortBindings)], [["sh", "-d"], ["80/tcp"]]);
  const wrong = await drawbridge(engine.host, ["create", "-d", "b"]);
  assert.match(wrong.stderr, /unknown shorthand flag: 'd' in -d/);
});
