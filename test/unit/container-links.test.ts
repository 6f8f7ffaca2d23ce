import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { linkEnvironment } from "../../src/container/network/link-environment.ts";
import { parseLink } from "../../src/container/network/links.ts";
import type { Containers, CreateRequest } from "../../src/container/types.ts";
import { request, World } from "../support/container-fakes.ts";

let world: World;
let containers: Containers;

beforeEach(async () => {
  world = new World();
  containers = world.containers();
  await containers.start();
});
afterEach(() => world.remove());

async function made(name: string, ...args: Parameters<typeof request>): Promise<string> {
  return (await containers.create({ ...request(...args), name })).id;
}
async function running(name: string, ...args: Parameters<typeof request>): Promise<string> {
  const id = await made(name, ...args);
  await containers.startContainer(id);
  return id;
}

function environment(): string[] {
  const { bundle } = world.last.request;
  return JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")).process.env;
}

const linksAsked = () => {
  const { mode } = world.requests.at(-1) ?? {};
  return mode?.kind === "own" ? mode.endpoints.map(({ links }) => links) : [];
};

describe("a link", () => {
  it("is read in all of Docker's forms", () => {
    assert.deepEqual(parseLink("db:database"), { container: "db", alias: "database" });
    assert.deepEqual(parseLink("db"), { container: "db", alias: "db" });
    assert.deepEqual(parseLink("/db:/web/database"), { container: "db", alias: "database" });
    assert.throws(() => parseLink(""), { message: "empty string specified for links" });
    for (const text of ["a:b:c", ":x", "x:"]) {
      assert.throws(() => parseLink(text), { kind: "invalid", message: `bad format for links: ${text}` });
    }
  });

  it("tells of the other container, its ports and its environment, in Docker's words", () => {
    const told = linkEnvironment({
      name: "web",
      alias: "my-db",
      address: "172.17.0.2",
      exposed: [
        { port: 53, protocol: "udp" },
        { port: 81, protocol: "tcp" },
        { port: 80, protocol: "tcp" },
      ],
      environment: ["USER=me", "HOME=/x", "PATH=/bin", "nothing", "A=b=c"],
    });
    const port = (number: number, proto: string) => [
      `MY_DB_PORT_${number}_${proto.toUpperCase()}=${proto}://172.17.0.2:${number}`,
      `MY_DB_PORT_${number}_${proto.toUpperCase()}_ADDR=172.17.0.2`,
      `MY_DB_PORT_${number}_${proto.toUpperCase()}_PORT=${number}`,
      `MY_DB_PORT_${number}_${proto.toUpperCase()}_PROTO=${proto}`,
    ];
    assert.deepEqual(told, [
      "MY_DB_PORT=tcp://172.17.0.2:80",
      ...port(80, "tcp"),
      ...port(81, "tcp"),
      ...port(53, "udp"),
      "MY_DB_PORT_80_TCP_START=tcp://172.17.0.2:80",
      "MY_DB_PORT_80_TCP_PORT_START=80",
      "MY_DB_PORT_80_TCP_END=tcp://172.17.0.2:81",
      "MY_DB_PORT_80_TCP_PORT_END=81",
      "MY_DB_NAME=/web/my-db",
      "MY_DB_ENV_USER=me",
      "MY_DB_ENV_A=b=c",
    ]);
  });
});

describe("links of the default network", () => {
  it("go to the network by id, to the environment, and to inspect by present names", async () => {
    const db = await running("db", {}, { ExposedPorts: { "5432/tcp": {} }, Env: ["USER=me"] });
    const web = await running("web", { Links: ["db:database"] });
    assert.deepEqual(linksAsked(), [[{ container: db, alias: "database" }]]);
    const variables = environment();
    assert.ok(variables.includes("DATABASE_PORT=tcp://172.17.0.2:5432"));
    assert.ok(variables.includes("DATABASE_ENV_USER=me"));
    await containers.rename(db, "postgres");
    const { Links } = containers.inspect(web).container.hostConfig;
    assert.deepEqual(Links, ["/postgres:/web/database"]);
    assert.deepEqual(
      containers.list().map(({ container, linkedAs }) => [container.name, linkedAs]),
      [
        ["web", undefined],
        ["postgres", ["web/database"]],
      ],
    );
    // As a client that copies a container sends them.
    await running("copy", { Links });
    assert.deepEqual(linksAsked(), [[{ container: db, alias: "database" }]]);
  });

  it("are refused to nobody and to the host's network", async () => {
    await assert.rejects(made("web", { Links: ["db"] }), {
      kind: "invalid",
      message: "could not get container for db: No such container: db",
    });
    await made("hosted", { NetworkMode: "host" });
    const words =
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior";
    await assert.rejects(made("web", { Links: ["hosted"] }), { kind: "invalid", message: words });
    await assert.rejects(made("web", { Links: ["hosted"], NetworkMode: "host" }), { message: words });
    await assert.rejects(made("web", { Links: ["hosted"], NetworkMode: "container:hosted" }), {
      message: words.replace("host type networking", "container type network"),
    });
  });

  it("keep a container from starting while the other does not run, or is elsewhere", async () => {
    const db = await made("db");
    const web = await made("web", { Links: ["db:x"] });
    await assert.rejects(containers.startContainer(web), {
      kind: "conflict",
      message: "Cannot link to a non running container: /db AS /web/x",
    });
    world.networks.add("away");
    await containers.startContainer(db);
    await containers.disconnect(db, "bridge", { force: false });
    await assert.rejects(containers.startContainer(web), {
      message: "Cannot link to /db, as it does not belong to the default network",
    });
  });

  it("lead to the owner of a shared network, and go with their container", async () => {
    const owner = await running("owner");
    const sharer = await running("sharer", { NetworkMode: "container:owner" });
    const web = await running("web", { Links: ["sharer:x"] });
    assert.deepEqual(linksAsked(), [[{ container: owner, alias: "x" }]]);
    await containers.stopContainer(web, {});
    for (const id of [sharer, owner]) await containers.remove(id, { force: true, volumes: false });
    assert.deepEqual(containers.inspect(web).container.hostConfig.Links, []);
    await containers.startContainer(web);
    assert.deepEqual(linksAsked(), [undefined]);
  });

  it("start with the engine after what they lead to", async () => {
    const always: CreateRequest["hostConfig"] = { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } };
    const db = await running("db", always);
    const web = await running("web", { ...always, Links: ["db"] });
    const last = await running("last", { ...always, Links: ["web"] });
    await containers.stop({ stopAll: true, timeout: 1 });
    const second = world.containers();
    world.requests.length = 0;
    await second.start();
    assert.deepEqual(
      world.requests.map(({ container }) => container),
      [db, web, last],
    );
  });
});

describe("links of other networks", () => {
  it("stand with their endpoint, are looked up by name at each start, and may come before what they lead to", async () => {
    world.networks.add("net");
    const linked = (Links: string[]): CreateRequest => ({
      ...request({ NetworkMode: "net" }),
      endpoints: { net: { Links } },
    });
    await assert.rejects(containers.create(linked(["db:x:y"])), {
      kind: "invalid",
      message: "bad format for links: db:x:y",
    });
    const early = await containers.create(linked(["db:x"]));
    await containers.startContainer(early.id);
    assert.deepEqual(linksAsked(), [[{ container: "db", alias: "x" }]]);
    await containers.remove(early.id, { force: true, volumes: false });
    const first = await made("db");
    const { id } = await containers.create(linked(["db:x"]));
    await containers.startContainer(id);
    assert.deepEqual(linksAsked(), [[{ container: first, alias: "x", name: "db" }]]);
    await containers.stopContainer(id, {});
    await containers.remove(first, { force: true, volumes: false });
    const second = await made("db");
    await containers.startContainer(id);
    assert.deepEqual(linksAsked(), [[{ container: second, alias: "x", name: "db" }]]);
    assert.deepEqual(containers.inspect(id).container.endpoints.net?.Links, ["db:x"]);
  });
});
