/** Published ports by IPv6: translated, relayed, taken, and moved as networks come and go. */
import assert from "node:assert/strict";
import process from "node:process";
import { before, describe, test } from "node:test";
import { HOST, OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";
import { Lab } from "./ipv6-lab.ts";

/** Answers one datagram with the address that it came from. */
const UDP_SERVER = `const socket = require("node:dgram").createSocket("udp6");
socket.on("message", (_, from) => socket.send(from.address, from.port, from.address, () => socket.close()));
socket.bind(Number(process.argv[1]), "::", () => console.log("ready"));`;
/** Asks again until it is answered: the server may not be there yet. */
const UDP_CLIENT = `const socket = require("node:dgram").createSocket("udp6");
const ask = () => socket.send("who", Number(process.argv[2]), process.argv[1]);
const again = setInterval(ask, 50);
socket.on("message", (text) => { console.log(String(text)); clearInterval(again); socket.close(); });
ask();`;

describe("a port published", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const lab = new Lab(() => suite.host);
  const { docker } = lab;
  const serve = lab.serve.bind(lab);

  before(async () => {
    await docker("network", "create", "--ipv6", "dual");
    await docker("network", "create", "--ipv6", "other");
    await docker("network", "create", "--ipv4=false", "--ipv6", "six");
    await serve("web", "--network", "dual", "-p", "8080:80");
    await serve("near", "--network", "dual");
    await serve("away", "--network", "other");
    await serve("four", "-p", "8083:80");
  });

  test("of both families: from outside under the client's own address", async () => {
    assert.deepEqual((await docker("port", "web")).split("\n").sort(), [
      "80/tcp -> 0.0.0.0:8080",
      "80/tcp -> [::]:8080",
    ]);
    assert.deepEqual(await lab.asks("outside", `[${HOST.address6}]:8080`), {
      server: "web",
      client: OUTSIDE.address6,
    });
    assert.deepEqual(await lab.asks("outside", `${HOST.address}:8080`), {
      server: "web",
      client: OUTSIDE.address,
    });
  });

  test("from the host, by any address of its own", async () => {
    const { IPv6Gateway: gateway } = await lab.endpoint("web", "dual");
    for (const address of ["[::1]", `[${HOST.address6}]`, `[${gateway}]`, "127.0.0.1", HOST.address]) {
      assert.equal((await lab.asks("host", `${address}:8080`)).server, "web", address);
    }
  });

  test("from containers: of another network, of its own, and itself", async () => {
    for (const from of ["away", "near", "web"]) {
      assert.equal((await lab.asks(from, `[${HOST.address6}]:8080`)).server, "web", from);
    }
    const { IPv6Gateway } = await lab.endpoint("away", "other");
    assert.equal((await lab.asks("away", `[${IPv6Gateway}]:8080`)).server, "web");
  });

  test("at one address of the host's: at that alone", async () => {
    await serve("at", "--network", "dual", "-p", `[${HOST.address6}]:8081:80`);
    assert.equal(await docker("port", "at"), `80/tcp -> [${HOST.address6}]:8081`);
    assert.deepEqual(await lab.asks("outside", `[${HOST.address6}]:8081`), {
      server: "at",
      client: OUTSIDE.address6,
    });
    assert.equal((await lab.asks("host", `[${HOST.address6}]:8081`)).server, "at");
    await Promise.all([
      lab.asksInVain("outside", `${HOST.address}:8081`),
      lab.asksInVain("host", "[::1]:8081"),
      lab.asksInVain("host", "127.0.0.1:8081"),
    ]);
  });

  test("at [::1]: for the host alone", async () => {
    await serve("own", "--network", "dual", "-p", "[::1]:8082:80");
    assert.equal((await lab.asks("host", "[::1]:8082")).server, "own");
    await Promise.all([
      lab.asksInVain("outside", `[${HOST.address6}]:8082`),
      lab.asksInVain("away", `[${HOST.address6}]:8082`),
      lab.asksInVain("host", `[${HOST.address6}]:8082`),
      lab.asksInVain("host", "127.0.0.1:8082"),
    ]);
  });

  test("of a container that has IPv4 alone: by IPv6 through the relay, its client the gateway", async () => {
    const { Gateway } = await lab.endpoint("four", "bridge");
    for (const [from, at] of [
      ["outside", `[${HOST.address6}]`],
      ["host", `[${HOST.address6}]`],
      ["host", "[::1]"],
      ["away", `[${HOST.address6}]`],
    ] as const) {
      assert.deepEqual(
        await lab.asks(from, `${at}:8083`),
        { server: "four", client: Gateway },
        `${from} ${at}`,
      );
    }
    assert.equal((await lab.asks("outside", `${HOST.address}:8083`)).client, OUTSIDE.address);
  });

  test("of one that has IPv6 alone: at [::], and at IPv4 addresses that are named", async () => {
    await serve(
      "alone",
      "--network",
      "six",
      "-p",
      "8084:80",
      "-p",
      "0.0.0.0:8085:80",
      "-p",
      "127.0.0.1:8086:80",
    );
    assert.deepEqual((await docker("port", "alone")).split("\n").sort(), [
      "80/tcp -> 0.0.0.0:8085",
      "80/tcp -> 127.0.0.1:8086",
      "80/tcp -> [::]:8084",
    ]);
    assert.deepEqual(await lab.asks("outside", `[${HOST.address6}]:8084`), {
      server: "alone",
      client: OUTSIDE.address6,
    });
    assert.equal((await lab.asks("host", "[::1]:8084")).server, "alone");
    const { IPv6Gateway: gateway } = await lab.endpoint("alone", "six");
    assert.deepEqual(await lab.asks("outside", `${HOST.address}:8085`), { server: "alone", client: gateway });
    assert.deepEqual(await lab.asks("host", "127.0.0.1:8086"), { server: "alone", client: gateway });
    await Promise.all([
      lab.asksInVain("outside", `${HOST.address}:8084`),
      lab.asksInVain("outside", `${HOST.address}:8086`),
      lab.asksInVain("outside", `[${HOST.address6}]:8085`),
    ]);
  });

  test("of UDP", async () => {
    await docker(
      "run",
      "-d",
      "--name",
      "udp",
      "--network",
      "dual",
      "-p",
      "5300:53/udp",
      "busybox",
      "sleep",
      "1000",
    );
    const key = await docker("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", "udp");
    const node = process.execPath;
    for (const from of ["outside", "host"] as const) {
      const serving = suite.host.run("nsenter", [`--net=${key}`, node, "-e", UDP_SERVER, "53"]);
      const client = [node, "-e", UDP_CLIENT, HOST.address6, "5300"] as const;
      const [command, ...args] = client;
      const asking =
        from === "outside" ? suite.host.runOutside(command, args) : suite.host.run(command, args);
      const [{ stdout }] = await Promise.all([asking, serving]);
      assert.equal(stdout.trim(), from === "outside" ? OUTSIDE.address6 : HOST.address6);
    }
  });

  test("twice is refused, whichever family it is taken in", async () => {
    for (const [taken, address] of [
      ["8080:80", "(0\\.0\\.0\\.0|\\[::\\]|::)"],
      ["[::]:8080:80", "(\\[::\\]|::)"],
      [`[${HOST.address6}]:8080:80`, "2001:db8::2"],
      ["[::1]:8082:80", "::1"],
    ] as const) {
      const said = await lab.refused("run", "--rm", "--network", "other", "-p", taken, "busybox", "true");
      assert.match(
        said,
        new RegExp(`Bind for \\[?${address}\\]?:80\\d\\d failed: port is already allocated`),
        taken,
      );
    }
    assert.equal((await lab.asks("host", "[::1]:8080")).server, "web", "nothing of it was taken away");
  });

  test("where a program of the host's listens by IPv6 alone is refused, and not half done", async () => {
    await lab.sh(`busybox httpd -p [${HOST.address6}]:9000 -h /`);
    const run = (port: string) => ["run", "-d", "--name", "late", "--network", "dual", "-p", port, "busybox"];
    for (const port of ["9000:80", `[${HOST.address6}]:9000:80`]) {
      const said = await lab.refused(...run(port));
      assert.match(said, /driver failed programming external connectivity.*:9000/, port);
      await docker("rm", "late");
    }
    await lab.serve("late", "--network", "dual", "-p", `${HOST.address}:9000:80`);
    assert.equal((await lab.asks("outside", `${HOST.address}:9000`)).client, OUTSIDE.address);
  });

  test("stays as networks come and go: by translation where the container has IPv6, else by the relay", async () => {
    await serve("moving", "-p", "8087:80");
    const { Gateway } = await lab.endpoint("moving", "bridge");
    const ask = () => lab.asks("outside", `[${HOST.address6}]:8087`);
    assert.deepEqual(await ask(), { server: "moving", client: Gateway });
    await docker("network", "connect", "dual", "moving");
    assert.deepEqual(await ask(), { server: "moving", client: OUTSIDE.address6 });
    assert.equal((await lab.asks("host", "[::1]:8087")).server, "moving");
    await docker("network", "disconnect", "dual", "moving");
    assert.deepEqual(await ask(), { server: "moving", client: Gateway });
    await docker("network", "connect", "six", "moving");
    await docker("network", "disconnect", "bridge", "moving");
    assert.deepEqual(await ask(), { server: "moving", client: OUTSIDE.address6 });
    const { IPv6Gateway } = await lab.endpoint("moving", "six");
    assert.deepEqual(await lab.asks("outside", `${HOST.address}:8087`), {
      server: "moving",
      client: IPv6Gateway,
    });
  });

  test("goes with its container, and is another's at once", async () => {
    await serve("first", "--network", "dual", "-p", "[::]:8088:80");
    assert.equal((await lab.asks("outside", `[${HOST.address6}]:8088`)).server, "first");
    await docker("rm", "-f", "first");
    await lab.asksInVain("outside", `[${HOST.address6}]:8088`);
    await serve("second", "--network", "six", "-p", "[::]:8088:80");
    assert.equal((await lab.asks("outside", `[${HOST.address6}]:8088`)).server, "second");
  });
});
