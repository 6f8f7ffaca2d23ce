/** testcontainers' documented use: wait for a port, a log line and health; exec, networks with aliases, files, stop. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { connect } from "node:net";
import process from "node:process";
import type { Testcontainers } from "./testcontainers-types.ts";

const { GenericContainer, Network, Wait } = createRequire(process.argv[2] ?? "")(
  "testcontainers",
) as Testcontainers;

const IMAGE = "compat:latest";
const SERVE = [
  "sh",
  "-c",
  "mkdir -p /www; echo served >/www/index.html; echo ready; exec httpd -f -p 8080 -h /www",
];

const network = await new Network().start();
const server = await new GenericContainer(IMAGE)
  .withCommand(SERVE)
  .withExposedPorts(8080)
  .withNetwork(network)
  .withNetworkAliases("server")
  .withWaitStrategy(Wait.forListeningPorts())
  .start();
await new Promise<void>((resolve, reject) => {
  const socket = connect(server.getMappedPort(8080), server.getHost(), () => resolve());
  socket.once("connect", () => socket.destroy()).once("error", reject);
});

const client = await new GenericContainer(IMAGE)
  .withCommand(["sh", "-c", "echo it is up; exec sleep 100"])
  .withNetwork(network)
  .withEnvironment({ GREETING: "hello" })
  .withCopyContentToContainer([{ content: "copied", target: "/tmp/copied" }])
  .withWaitStrategy(Wait.forLogMessage("it is up"))
  .start();
assert.equal((await client.exec(["nc", "-w", "2", "server", "8080", "-e", "true"])).exitCode, 0);
assert.equal((await client.exec(["cat", "/tmp/copied"])).output, "copied");
assert.equal((await client.exec(["sh", "-c", "echo $GREETING"])).output, "hello\n");
assert.equal((await client.exec(["sh", "-c", "exit 3"])).exitCode, 3);

const healthy = await new GenericContainer(IMAGE)
  .withCommand(["sleep", "100"])
  .withHealthCheck({ test: ["CMD-SHELL", "true"], interval: 200, timeout: 1000, retries: 3 })
  .withWaitStrategy(Wait.forHealthCheck())
  .start();
await healthy.restart();
for (const container of [healthy, client, server]) await container.stop();
await network.stop();
