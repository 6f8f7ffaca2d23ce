/** Published ports: asked for at creation, shown, filtered by, changed while the container runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { json, messageIn, serve } from "./server.ts";

const api = await serve();
const { client, engine } = api;

interface Inspect {
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly NetworkSettings: {
    readonly Ports: object;
    readonly Networks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
}

const create = (name: string, body: object, version = "v1.50") =>
  api.ask("POST", `/${version}/containers/create?name=${name}`, json({ Image: "busybox", ...body }));
const inspect = async (name: string, version = "v1.50") =>
  JSON.parse((await api.ask("GET", `/${version}/containers/${name}/json`)).text) as Inspect;

const BINDINGS = {
  "80/tcp": [
    { HostIp: "", HostPort: "8080" },
    { HostIp: "::1", HostPort: "8081" },
  ],
  "53/udp": null,
};

test("ports as they were asked for, as they are while it runs, and none afterwards", async () => {
  const made = await create("web", {
    Cmd: ["sleep"],
    ExposedPorts: { "443/tcp": {} },
    HostConfig: { PortBindings: BINDINGS, PublishAllPorts: true, Links: null },
  });
  assert.equal(made.status, 201);
  assert.deepEqual(engine.requests.at(-1)?.hostConfig.PortBindings, BINDINGS);
  assert.deepEqual((await inspect("web")).NetworkSettings.Ports, {});
  await client.post("/containers/web/start");
  const running = await inspect("web");
  assert.deepEqual(running.HostConfig.PortBindings, BINDINGS);
  assert.deepEqual([running.HostConfig.PublishAllPorts, running.HostConfig.Links], [true, null]);
  assert.deepEqual(running.NetworkSettings.Ports, {
    "443/tcp": null,
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "8080" },
      { HostIp: "::1", HostPort: "8081" },
    ],
  });
  const [row] = await client.get<{ Ports: object[] }[]>("/containers/json");
  assert.deepEqual(row?.Ports, [
    { PrivatePort: 443, Type: "tcp" },
    { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
    { IP: "::1", PrivatePort: 80, PublicPort: 8081, Type: "tcp" },
  ]);
});

test("filters by published and exposed ports, alone and in ranges", async () => {
  const listed = async (value: object) =>
    (await client.get<{ Names: string[] }[]>("/containers/json", { filters: JSON.stringify(value) })).flatMap(
      ({ Names }) => Names,
    );
  assert.deepEqual(await listed({ publish: ["8080"] }), ["/web"]);
  assert.deepEqual(await listed({ publish: ["8070-8090/tcp"] }), ["/web"]);
  assert.deepEqual(await listed({ publish: ["80"] }), []);
  assert.deepEqual(await listed({ publish: ["8080/udp"] }), []);
  assert.deepEqual(await listed({ expose: ["443"] }), ["/web"]);
  assert.deepEqual(await listed({ expose: ["70-90"] }), ["/web"]);
  assert.deepEqual(await listed({ expose: ["8080"] }), []);
  assert.deepEqual(await listed({ publish: ["1"], expose: ["443"] }), ["/web"]);
  await assert.rejects(listed({ publish: ["0.0.0.0:80"] }), {
    status: 400,
    message: "filter for 'publish' should not contain ':': 0.0.0.0:80",
  });
  for (const odd of ["x", "9-8", "70000", ""])
    await assert.rejects(listed({ expose: [odd] }), { status: 400 });
});

test("ports of a running container are published and closed; what is published then is answered", async () => {
  const ask = (method: string, body: unknown, name = "web") =>
    api.ask(method, `/drawbridge/containers/${name}/ports`, json(body));
  const more = { PortBindings: { "22/tcp": [{ HostIp: "127.0.0.1", HostPort: "2222" }] } };
  const added = await ask("POST", more);
  assert.equal(added.status, 200);
  assert.deepEqual(engine.calls.at(-1), ["publish", "web", more.PortBindings]);
  assert.deepEqual(JSON.parse(added.text).Ports["22/tcp"], [{ HostIp: "127.0.0.1", HostPort: "2222" }]);
  const closed = await ask("DELETE", { PortBindings: { "80/tcp": [], "22/tcp": null } });
  assert.deepEqual([closed.status, JSON.parse(closed.text)], [200, { Ports: { "443/tcp": null } }]);
  assert.deepEqual(engine.calls.at(-1), ["unpublish", "web", { "80/tcp": [], "22/tcp": null }]);

  for (const method of ["POST", "DELETE"]) {
    const refusal = async (body: unknown, name?: string) => {
      const answer = await ask(method, body, name);
      return `${answer.status} ${messageIn(answer)}`;
    };
    assert.match(await refusal({}), /^400 no port specified/);
    assert.match(await refusal("{"), /^400 invalid JSON/);
    assert.match(await refusal({ PortBindings: ["80"] }), /^400 invalid request: body PortBindings: must be/);
    assert.match(
      await refusal({ PortBindings: { "80/tcp": [{ HostPort: 80 }] } }),
      /^400 invalid request: body PortBindings\.80\/tcp\.0\.HostPort: must be string/,
    );
    assert.equal(await refusal(more, "nobody"), "404 No such container: nobody");
  }
  await create("idle", {});
  assert.equal((await ask("POST", more, "idle")).status, 409);
});

test("bad types in a create request are refused by the field's name", async () => {
  const refusal = async (body: object) => {
    const answer = await create("bad", body);
    return `${answer.status} ${messageIn(answer)}`;
  };
  const host = (HostConfig: object) => refusal({ HostConfig });
  assert.match(
    await host({ PortBindings: { "80/tcp": { HostPort: "80" } } }),
    /^400 .*body HostConfig\.PortBindings\.80\/tcp: must be array/,
  );
  assert.match(
    await host({ PortBindings: { "80/tcp": [{ HostIp: 1 }] } }),
    /80\/tcp\.0\.HostIp: must be string/,
  );
  assert.match(await host({ PublishAllPorts: "yes" }), /HostConfig\.PublishAllPorts: must be boolean/);
  assert.match(await host({ Links: "a:b" }), /HostConfig\.Links: must be array/);
  assert.match(await refusal({ ExposedPorts: ["80"] }), /body ExposedPorts: must be object/);
  assert.match(await refusal({ ExposedPorts: { "80/tcp": 1 } }), /ExposedPorts\.80\/tcp: must be object/);
  const endpoint = (settings: unknown) =>
    refusal({ NetworkingConfig: { EndpointsConfig: { net1: settings } } });
  assert.match(await endpoint("x"), /NetworkingConfig\.EndpointsConfig\.net1: must be object/);
  assert.match(await endpoint({ DriverOpts: { a: 1 } }), /net1\.DriverOpts\.a: must be string/);
  assert.match(await endpoint({ GwPriority: 1.5 }), /net1\.GwPriority: must be integer/);
  assert.equal((await api.ask("GET", "/containers/bad/json")).status, 404);
});

test("several networks: their settings by version, and shown with what the engine adds", async () => {
  const NetworkingConfig = {
    EndpointsConfig: {
      net1: {
        Aliases: ["db"],
        Links: ["web:www"],
        DriverOpts: { k: "v" },
        GwPriority: -3,
        IPAMConfig: { IPv6Address: "fd00::9" },
        MacAddress: "02:42:00:00:00:01",
      },
    },
  };
  await create("both", {
    HostConfig: { NetworkMode: "net1" },
    NetworkingConfig: { EndpointsConfig: { ...NetworkingConfig.EndpointsConfig, net2: null } },
  });
  assert.deepEqual(engine.requests.at(-1)?.endpoints, {
    net1: NetworkingConfig.EndpointsConfig.net1,
    net2: {},
  });
  await create("old", { HostConfig: { NetworkMode: "net1" }, NetworkingConfig }, "v1.43");
  const { MacAddress, GwPriority, ...kept } = NetworkingConfig.EndpointsConfig.net1;
  assert.deepEqual(
    [MacAddress !== "", GwPriority, engine.requests.at(-1)?.endpoints],
    [true, -3, { net1: kept }],
  );
  const several = await create("odd", { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } }, "v1.43");
  assert.deepEqual(
    [several.status, messageIn(several)],
    [400, "Container cannot be created with multiple network endpoints: a, b"],
  );

  const { net1 } = (await inspect("both")).NetworkSettings.Networks;
  const { id } = engine.entry("both").container;
  const short = id.slice(0, 12);
  assert.deepEqual(net1, {
    IPAMConfig: { IPv6Address: "fd00::9" },
    Links: ["web:www"],
    Aliases: ["db"],
    MacAddress: "02:42:00:00:00:01",
    DriverOpts: { k: "v" },
    GwPriority: -3,
    NetworkID: "",
    EndpointID: "",
    Gateway: "",
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: ["both", "db", short],
  });
  const before = async (version: string) => (await inspect("both", version)).NetworkSettings.Networks.net1;
  assert.deepEqual((await before("v1.44"))?.Aliases, ["db", short]);
  assert.deepEqual((await before("v1.45"))?.Aliases, ["db"]);
});

test("a container's own MAC address is of old: a warning says where it belongs", async () => {
  const made = await create("mac", { MacAddress: "02:42:00:00:00:07" });
  assert.deepEqual(JSON.parse(made.text).Warnings, [
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
  ]);
  const old = await create("mac2", { MacAddress: "02:42:00:00:00:08" }, "v1.43");
  assert.deepEqual(JSON.parse(old.text).Warnings, []);
  const elsewhere = await create("mac3", {
    MacAddress: "02:42:00:00:00:09",
    HostConfig: { NetworkMode: "net1" },
    NetworkingConfig: { EndpointsConfig: { net2: {} } },
  });
  assert.equal(elsewhere.status, 400);
  assert.match(messageIn(elsewhere), /NetworkMode must match the identity of a network/);
});
