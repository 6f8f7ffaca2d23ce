/** Networks made, joined, left, removed and pruned, as clients ask for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { json, messageIn, serve } from "./server.ts";

const api = await serve();
const { client, engine } = api;

interface Network {
  readonly Name: string;
  readonly Id: string;
  readonly [field: string]: unknown;
}

const filters = (value: object) => ({ filters: JSON.stringify(value) });
const named = async (value: object) =>
  (await client.get<Network[]>("/networks", filters(value))).map(({ Name }) => Name);
const create = (body: unknown, version = "v1.50") =>
  api.ask("POST", `/${version}/networks/create`, json(body));
const inspect = (name: string, version = "v1.50") =>
  api
    .ask("GET", `/${version}/networks/${name}`)
    .then(({ text }) => JSON.parse(text) as Record<string, unknown>);

test("a network is made of all that the API knows", async () => {
  const made = await create({
    Name: "net1",
    CheckDuplicate: true,
    Driver: "bridge",
    Scope: "local",
    Internal: true,
    Attachable: true,
    Ingress: false,
    ConfigOnly: false,
    ConfigFrom: { Network: "base" },
    EnableIPv4: false,
    EnableIPv6: true,
    IPAM: {
      Driver: "default",
      Options: { a: "b" },
      Config: [
        {
          Subnet: "10.1.0.0/16",
          IPRange: "10.1.2.0/24",
          Gateway: "10.1.0.1",
          AuxiliaryAddresses: { router: "10.1.0.9" },
        },
        { Subnet: "fd00:1::/64" },
      ],
    },
    Options: { "com.docker.network.bridge.name": "br-test" },
    Labels: { warn: "left out" },
    Unknown: { of: "another client" },
  });
  assert.equal(made.status, 201);
  const { Id, Warning } = JSON.parse(made.text);
  assert.equal(Warning, "left out");
  assert.deepEqual(engine.networks.requests.at(-1), {
    name: "net1",
    driver: "bridge",
    scope: "local",
    internal: true,
    attachable: true,
    configFrom: "base",
    ipv4: false,
    ipv6: true,
    ipam: {
      driver: "default",
      options: { a: "b" },
      config: [
        {
          subnet: "10.1.0.0/16",
          range: "10.1.2.0/24",
          gateway: "10.1.0.1",
          auxiliary: { router: "10.1.0.9" },
        },
        { subnet: "fd00:1::/64" },
      ],
    },
    options: { "com.docker.network.bridge.name": "br-test" },
    labels: { warn: "left out" },
  });
  const { Created, ...shown } = await inspect("net1");
  assert.match(String(Created), /^\d{4}-.*Z$/);
  assert.deepEqual(shown, {
    Name: "net1",
    Id,
    Scope: "local",
    Driver: "bridge",
    EnableIPv4: true,
    EnableIPv6: true,
    IPAM: {
      Driver: "default",
      Options: { a: "b" },
      Config: [
        {
          Subnet: "10.1.0.0/16",
          IPRange: "10.1.2.0/24",
          Gateway: "10.1.0.1",
          AuxiliaryAddresses: { router: "10.1.0.9" },
        },
        { Subnet: "fd00:1::/64" },
      ],
    },
    Internal: true,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "base" },
    ConfigOnly: false,
    Containers: {},
    Options: { "com.docker.network.bridge.name": "br-test" },
    Labels: { warn: "left out" },
  });
  assert.equal((await api.ask("DELETE", "/networks/net1")).status, 204);
});

test("what is null or left out is left out of the request; EnableIPv4 is of 1.48", async () => {
  const last = () => engine.networks.requests.at(-1);
  await create({ Name: "a", Driver: "", Internal: null, IPAM: null, Labels: null, ConfigFrom: null });
  assert.deepEqual(last(), { name: "a" });
  await create({ Name: "b", EnableIPv4: false, EnableIPv6: false, IPAM: { Config: null, Options: null } });
  assert.deepEqual(last(), { name: "b", ipv4: false, ipv6: false, ipam: {} });
  await create({ Name: "c", EnableIPv4: false }, "v1.47");
  assert.deepEqual(last(), { name: "c" });
  assert.equal("EnableIPv4" in (await inspect("a", "v1.47")), false);
  for (const name of ["a", "b", "c"]) await client.delete(`/networks/${name}`);
});

test("IPAM options are what was given; none and host have no pools", async () => {
  await create({ Name: "own", IPAM: { Options: {} } });
  const ipam = async (name: string) => (await inspect(name)).IPAM as { Options: unknown; Config: unknown };
  assert.deepEqual((await ipam("own")).Options, {});
  assert.equal((await ipam("bridge")).Options, null);
  assert.equal((await ipam("host")).Config, null);
  await client.delete("/networks/own");
});

test("bodies that are none name what is wrong, and nothing is made", async () => {
  const before = engine.networks.requests.length;
  const refused: readonly [body: unknown, message: RegExp][] = [
    ["{", /^invalid JSON/],
    ["", /got EOF while reading request body/],
    ['{"Name":"x","__proto__":{}}', /__proto__ is no name/],
    ["[]", /^invalid request: body: must be object/],
    [{ Name: 1 }, /^invalid request: body Name: must be string/],
    [{ Name: "x", Internal: "yes" }, /body Internal: must be boolean/],
    [{ Name: "x", EnableIPv6: 1 }, /body EnableIPv6: must be boolean/],
    [{ Name: "x", Labels: ["a=b"] }, /body Labels: must be object/],
    [{ Name: "x", Options: { "com.docker.network.bridge.name": 7 } }, /body Options\.com\.docker\.network/],
    [{ Name: "x", ConfigFrom: "base" }, /body ConfigFrom: must be object/],
    [{ Name: "x", IPAM: { Config: {} } }, /body IPAM\.Config: must be array/],
    [{ Name: "x", IPAM: { Config: [{ Subnet: 10 }] } }, /body IPAM\.Config\.0\.Subnet: must be string/],
    [
      { Name: "x", IPAM: { Config: [{ AuxiliaryAddresses: { "a/b": 1 } }] } },
      /AuxiliaryAddresses\.a\/b: must be string/,
    ],
  ];
  for (const [body, message] of refused) {
    const answer = await create(body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.match(messageIn(answer), message);
    assert.deepEqual(Object.keys(JSON.parse(answer.text)), ["message"]);
  }
  const nothing = await api.ask("POST", "/networks/create");
  assert.deepEqual([nothing.status, messageIn(nothing)], [400, "invalid name: name is empty"]);
  const text = await api.ask("POST", "/networks/create", {
    headers: { "Content-Type": "text/plain" },
    body: "{}",
  });
  assert.deepEqual(
    [text.status, messageIn(text)],
    [400, "unsupported Content-Type header (text/plain): must be 'application/json'"],
  );
  assert.equal(engine.networks.requests.length, before);
});

test("connect: the settings go to the engine by version; 200 and nothing said", async () => {
  await create({ Name: "net2" });
  await api.container("joiner", ["sleep"], { start: false });
  const settings = {
    IPAMConfig: { IPv4Address: "10.2.0.9", IPv6Address: "", LinkLocalIPs: null },
    Aliases: ["db"],
    Links: ["web:www"],
    MacAddress: "02:42:0a:02:00:09",
    DriverOpts: { "com.docker.network.endpoint.ifname": "lan0" },
    GwPriority: 7,
    NetworkID: "",
    EndpointID: "",
    IPAddress: "",
    IPPrefixLen: 0,
    DNSNames: null,
  };
  const connect = (version: string, body: unknown) =>
    api.ask("POST", `/${version}/networks/net2/connect`, json(body));
  const answer = await connect("v1.50", { Container: "joiner", EndpointConfig: settings });
  assert.deepEqual([answer.status, answer.text], [200, ""]);
  const wanted = {
    IPAMConfig: { IPv4Address: "10.2.0.9" },
    Aliases: ["db"],
    Links: ["web:www"],
    MacAddress: "02:42:0a:02:00:09",
    DriverOpts: { "com.docker.network.endpoint.ifname": "lan0" },
    GwPriority: 7,
  };
  assert.deepEqual(engine.calls.at(-1), ["connect", "joiner", "net2", wanted]);
  const again = await connect("v1.50", { Container: "joiner" });
  assert.deepEqual(
    [again.status, messageIn(again)],
    [403, "endpoint with name joiner already exists in network net2"],
  );

  await api.container("older", ["sleep"], { start: false });
  assert.equal((await connect("v1.24", { Container: "older", EndpointConfig: settings })).status, 200);
  const { GwPriority, ...old } = wanted;
  assert.deepEqual([GwPriority, engine.calls.at(-1)], [7, ["connect", "older", "net2", old]]);

  const left = await api.ask(
    "POST",
    "/v1.24/networks/net2/disconnect",
    json({ Container: "joiner", Force: true }),
  );
  assert.deepEqual([left.status, left.text], [200, ""]);
  assert.deepEqual(engine.calls.at(-1), ["disconnect", "joiner", "net2", { force: true }]);
  await api.ask("POST", "/networks/net2/disconnect", json({ Container: "older" }));
  assert.deepEqual(engine.calls.at(-1), ["disconnect", "older", "net2", { force: false }]);
});

test("connect and disconnect: who or what isn't there, and bodies that are none", async () => {
  for (const verb of ["connect", "disconnect"]) {
    const post = async (network: string, body: unknown) => {
      const answer = await api.ask("POST", `/networks/${network}/${verb}`, json(body));
      return [answer.status, messageIn(answer)];
    };
    assert.deepEqual(await post("net2", {}), [400, 'invalid name or ID supplied: ""']);
    assert.deepEqual(await post("net2", { Container: "nobody" }), [404, "No such container: nobody"]);
    assert.deepEqual(await post("net2", { Container: "../x" }), [404, "No such container: ../x"]);
    assert.deepEqual(await post("net2", { Container: 5 }), [
      400,
      "invalid request: body Container: must be string",
    ]);
  }
  const connect = async (body: unknown) =>
    messageIn(
      await api.ask("POST", "/networks/net2/connect", json({ Container: "joiner", ...Object(body) })),
    );
  assert.match(await connect({ EndpointConfig: [] }), /body EndpointConfig: must be object/);
  assert.match(await connect({ EndpointConfig: { Aliases: "a" } }), /EndpointConfig\.Aliases: must be array/);
  assert.match(await connect({ EndpointConfig: { GwPriority: "1" } }), /GwPriority: must be integer/);
  assert.match(
    await connect({ EndpointConfig: { IPAMConfig: { IPv4Address: 4 } } }),
    /EndpointConfig\.IPAMConfig\.IPv4Address: must be string/,
  );
  const nowhere = await api.ask("POST", "/networks/nowhere/connect", json({ Container: "joiner" }));
  assert.deepEqual([nowhere.status, messageIn(nowhere)], [404, "network nowhere not found"]);
  const force = await api.ask("POST", "/networks/net2/disconnect", json({ Container: "joiner", Force: 1 }));
  assert.match(messageIn(force), /body Force: must be boolean/);
});

test("remove: 204; a network that isn't there 404, one of the engine's own 403", async () => {
  const { Id } = JSON.parse((await create({ Name: "gone" })).text);
  assert.equal((await api.ask("DELETE", `/networks/${Id.slice(0, 12)}`)).status, 204);
  const absent = await api.ask("DELETE", "/networks/gone");
  assert.deepEqual([absent.status, messageIn(absent)], [404, "network gone not found"]);
  const own = await api.ask("DELETE", "/v1.50/networks/bridge");
  assert.deepEqual(
    [own.status, messageIn(own)],
    [403, "bridge is a pre-defined network and cannot be removed"],
  );
});

test("prune: by time and labels; what others are made from stays", async () => {
  const prune = async (value: object) =>
    (
      await client.post<{ NetworksDeleted: string[] | null }>("/networks/prune", filters(value))
    ).NetworksDeleted?.toSorted();
  const fill = async () => {
    await create({ Name: "plain" });
    await create({ Name: "kept", Labels: { keep: "yes", team: "a" } });
    await create({ Name: "base", ConfigOnly: true });
  };
  await client.delete("/networks/net2");
  await fill();
  assert.equal(await prune({ until: ["1h"] }), undefined);
  assert.equal(await prune({ label: ["team=b"] }), undefined);
  assert.deepEqual(await prune({ "label!": ["keep=yes"] }), ["plain"]);
  assert.deepEqual(await prune({ label: ["keep"], until: [String(Date.now() / 1000 + 60)] }), ["kept"]);
  const nothing = await api.ask("POST", "/networks/prune");
  assert.deepEqual([nothing.status, JSON.parse(nothing.text)], [200, { NetworksDeleted: null }]);
  await client.delete("/networks/base");
  await assert.rejects(prune({ until: ["soon"] }), {
    status: 400,
    message: 'failed to parse value as time or duration: "soon"',
  });
  await assert.rejects(prune({ until: ["1h", "2h"] }), {
    status: 400,
    message: "more than one until filter specified",
  });
  await assert.rejects(prune({ name: ["x"] }), { status: 400, message: "invalid filter 'name'" });
});

test("names are free, slashes and all", async () => {
  for (const name of ["a/b", "my net", "..x", "ünï"]) {
    await create({ Name: name });
    assert.equal((await inspect(encodeURIComponent(name))).Name, name);
    const raw = encodeURI(name);
    assert.equal((await inspect(raw)).Name, name);
    assert.equal((await api.ask("DELETE", `/v1.50/networks/${raw}`)).status, 204);
  }
  const control = await api.ask("GET", "/networks/a%0Ab");
  assert.equal(control.status, 404);
});

test("lists by each filter; before 1.28 with their containers", async () => {
  await create({ Name: "web-1", Labels: { a: "1" } });
  await create({ Name: "web-2", Labels: { a: "2" } });
  assert.deepEqual(await named({ name: ["^web-"] }), ["web-1", "web-2"]);
  assert.equal((JSON.parse((await api.ask("GET", "/networks/")).text) as unknown[]).length, 5);
  assert.deepEqual(await named({ name: ["eb-1", "ridg"] }), ["bridge", "web-1"]);
  assert.deepEqual(await named({ label: ["a"] }), ["web-1", "web-2"]);
  assert.deepEqual(await named({ label: { "a=2": true } }), ["web-2"]);
  assert.deepEqual(await named({ type: ["custom"] }), ["web-1", "web-2"]);
  assert.deepEqual(await named({ type: ["builtin"], driver: ["bridge"] }), ["bridge"]);
  assert.deepEqual(await named({ dangling: ["1"] }), ["web-1", "web-2"]);
  assert.deepEqual(await named({ dangling: ["false"] }), ["bridge", "host", "none"]);
  assert.deepEqual(await named({ scope: ["swarm"] }), []);
  assert.deepEqual(await named({ scope: ["swarm", "local"], name: ["host"] }), ["host"]);
  assert.deepEqual(await named({ id: [engine.bridge.id.slice(0, 20)] }), ["bridge"]);
  await assert.rejects(named({ type: ["odd"] }), { message: "invalid filter: 'type'='odd'" });
  await assert.rejects(named({ dangling: ["maybe"] }), { status: 400 });
  await assert.rejects(named({ label: "a" }), { status: 400 });

  const id = await api.container("running", ["sleep"]);
  const members = async (version: string) => {
    const { text } = await api.ask("GET", `/${version}/networks?filters={"name":["bridge"]}`);
    return Object.keys((JSON.parse(text) as { Containers: object }[])[0]?.Containers ?? {});
  };
  assert.deepEqual([await members("v1.27"), await members("v1.28")], [[id], []]);
});

test("verbose is a boolean, and adds nothing to a local network; other scopes have none", async () => {
  assert.deepEqual(await inspect("web-1?verbose=true"), await inspect("web-1"));
  const odd = await api.ask("GET", "/networks/web-1?verbose=maybe");
  assert.deepEqual(
    [odd.status, messageIn(odd)],
    [400, 'invalid value for verbose: maybe: strconv.ParseBool: parsing "maybe": invalid syntax'],
  );
  assert.equal((await api.ask("GET", "/networks/web-1?scope=swarm")).status, 404);
  assert.equal((await api.ask("GET", "/networks/web-1?scope=local")).status, 200);
});

test("info tells what the networks have to say of the host", async () => {
  const { Warnings } = await client.get<{ Warnings: string[] }>("/info");
  assert.deepEqual(Warnings, [
    "WARNING: this is a fake",
    "WARNING: another firewall drops forwarded packets",
  ]);
});

test("events of a network by its name or id", async () => {
  const tell = (id: string, name: string, action: string) =>
    engine.events.publish({ type: "network", action, actor: { id, attributes: { name, type: "bridge" } } });
  tell("aaa111", "web-1", "connect");
  tell("bbb222", "web-2", "create");
  engine.events.publish({
    type: "network",
    action: "prune",
    actor: { id: "", attributes: { reclaimed: "0" } },
  });
  const actions = async (value: object) => {
    const stream = await client.stream("GET", "/events", {
      query: { since: 0, until: (Date.now() + 5) / 1000, ...filters(value) },
    });
    const lines = (await stream.toArray()).join("").split("\n").filter(Boolean);
    return lines.map((line) => (JSON.parse(line) as { Action: string }).Action);
  };
  assert.deepEqual(await actions({ network: ["web-1"] }), ["connect"]);
  assert.deepEqual(await actions({ network: ["bbb"] }), ["create"]);
  assert.deepEqual(await actions({ type: ["network"], event: ["prune"] }), ["prune"]);
});
