import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  attribute,
  exactly,
  portDifferences,
  withoutClosed,
} from "../../src/container/network/port-bindings.ts";
import {
  boundPorts,
  exposedOf,
  portMapOf,
  publishRequest,
  publishRequests,
} from "../../src/container/network/ports.ts";
import type { Container, PortMap } from "../../src/container/types.ts";
import { parseAddress } from "../../src/lib/ip.ts";
import { NO_HOST_PORT } from "../../src/network/port/types.ts";
import type { PortBinding } from "../../src/network/types.ts";

type Publishing = Pick<Container, "config" | "hostConfig">;

/** As much of a container as its ports are known by. */
const publishing = (PortBindings: PortMap, exposed: readonly string[] = [], all = false): Publishing =>
  ({
    config: { ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])) },
    hostConfig: { PortBindings, PublishAllPorts: all },
  }) as unknown as Publishing;

const tcp = (port: number, hostPort: number, address = "0.0.0.0"): PortBinding => ({
  protocol: "tcp",
  port,
  hostAddress: parseAddress(address),
  hostPort,
});

describe("a port binding", () => {
  it("is read in all of Docker's forms", () => {
    const port = { protocol: "tcp", port: 80 };
    assert.deepEqual(publishRequest("80/tcp", {}), port);
    assert.deepEqual(publishRequest("80", { HostIp: "", HostPort: "0" }), port);
    assert.deepEqual(publishRequest("53/UDP", { HostIp: "::1", HostPort: "5353" }), {
      protocol: "udp",
      port: 53,
      hostAddress: parseAddress("::1"),
      hostPorts: { first: 5353, last: 5353 },
    });
    assert.deepEqual(publishRequest("80/tcp", { HostPort: "8000-8010" }), {
      ...port,
      hostPorts: { first: 8000, last: 8010 },
    });
  });

  const refused: readonly [key: string, binding: object, message: string][] = [
    ["80/icmp", {}, "invalid proto: icmp"],
    ["0/tcp", {}, 'invalid port specification: "0/tcp"'],
    ["80-81/tcp", {}, 'invalid port specification: "80-81/tcp"'],
    ["65536", {}, 'invalid port specification: "65536"'],
    ["80/tcp/x", {}, 'invalid port specification: "80/tcp/x"'],
    ["80/tcp", { HostPort: "x" }, 'invalid port specification: "x"'],
    ["80/tcp", { HostPort: "8010-8000" }, 'invalid port specification: "8010-8000"'],
    ["80/tcp", { HostPort: "0-10" }, 'invalid port specification: "0-10"'],
    ["80/tcp", { HostPort: "1-2-3" }, 'invalid port specification: "1-2-3"'],
    ["80/tcp", { HostPort: "70000" }, 'invalid port specification: "70000"'],
    ["80/tcp", { HostIp: "localhost" }, "invalid IP address: localhost"],
  ];
  for (const [key, binding, message] of refused) {
    it(`is refused as ${key} ${JSON.stringify(binding)}`, () => {
      assert.throws(() => portMapOf({ [key]: [binding] }), { kind: "invalid", message });
    });
  }

  it("is kept under one key for each port", () => {
    const map = portMapOf({ "80": [{ HostPort: "1" }], "80/TCP": [{ HostPort: "2" }], "90": null });
    assert.deepEqual(map, { "80/tcp": [{ HostPort: "1" }, { HostPort: "2" }], "90/tcp": [] });
  });
});

describe("a container's ports", () => {
  it("are exposed by being published; keys of an image that say none are nobody's", () => {
    const container = publishing({ "80/tcp": [{}] }, ["443/tcp", "80/tcp", "8000-8010/tcp"]);
    assert.deepEqual(exposedOf(container), [
      { port: 443, protocol: "tcp" },
      { port: 80, protocol: "tcp" },
    ]);
  });

  it("are all published with -P, those with a binding of their own by that", () => {
    const own = { "80/tcp": [{ HostPort: "8080" }], "90/udp": [] };
    const container = publishing(own, ["443/tcp", "80/tcp"], true);
    assert.deepEqual(boundPorts(container), { ...own, "443/tcp": [{}], "90/udp": [{}] });
    assert.deepEqual(boundPorts(publishing(own, ["443/tcp"])), own);
  });
});

describe("open ports", () => {
  const both = [tcp(80, 32768), tcp(80, 32768, "::")];

  it("belong to the pickiest request that they fit", () => {
    const ports = { "80/tcp": [{}, { HostPort: "8080" }, { HostPort: "8000-9000" }] };
    const [any, fixed, range] = attribute(publishRequests(ports), [tcp(80, 8001), tcp(80, 8080), ...both]);
    assert.deepEqual([any, fixed, range], [both, [tcp(80, 8080)], [tcp(80, 8001)]]);
  });

  it("differ from what is asked by what is missing and what is too much", () => {
    const requests = publishRequests({ "80/tcp": [{ HostPort: "8080" }], "81/tcp": [{}] });
    assert.deepEqual(portDifferences(requests, [tcp(80, 8080), tcp(82, 8082)]), {
      missing: [{ protocol: "tcp", port: 81 }],
      extra: [tcp(82, 8082)],
    });
  });

  it("of a family that is routed belong to what is asked for with any host port", () => {
    const direct = tcp(80, NO_HOST_PORT, "::");
    const requests = publishRequests({ "80/tcp": [{ HostPort: "8080" }] });
    assert.deepEqual(attribute(requests, [tcp(80, 8080), direct]), [[tcp(80, 8080), direct]]);
    assert.deepEqual(attribute(requests, [direct]), [[direct]]);
    assert.deepEqual(attribute([exactly(direct)], [direct]), [[direct]]);
  });

  it("that were closed are not asked for again", () => {
    const container = publishing({ "80/tcp": [{ HostPort: "8080" }, {}], "81/tcp": [{}] });
    const open = [tcp(80, 8080), ...both, tcp(81, 32769)];
    const left = withoutClosed(container, open, new Set(both));
    assert.deepEqual(left, {
      PortBindings: { "80/tcp": [{ HostPort: "8080" }], "81/tcp": [{}] },
      PublishAllPorts: false,
    });
  });

  it("that were closed on one address stay on the other", () => {
    const [four, six] = both;
    assert.ok(four && six);
    const left = withoutClosed(publishing({ "80/tcp": [{ HostPort: "" }] }), both, new Set([four]));
    assert.deepEqual(left.PortBindings, { "80/tcp": [{ HostPort: "", HostIp: "::" }] });
  });

  it("that -P opened don't come back once closed, and the others do", () => {
    const container = publishing({}, ["80/tcp", "81/tcp"], true);
    const open = [...both, tcp(81, 32769)];
    assert.deepEqual(withoutClosed(container, open, new Set(both)), {
      PortBindings: { "81/tcp": [{}] },
      PublishAllPorts: false,
    });
    assert.deepEqual(withoutClosed(container, open, new Set()), { PortBindings: {}, PublishAllPorts: true });
  });
});
