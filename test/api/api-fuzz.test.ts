/** Whatever JSON is sent, it is taken or refused with a sentence; never is it a surprise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { json, messageIn, serve } from "./server.ts";

const api = await serve();
await api.container("web", ["sleep"]);

const value = fc.jsonValue({ maxDepth: 3 });
/** Objects that have some of the members, of any shape. */
const withMembers = (...names: string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] });

const endpoints = fc.dictionary(
  fc.string(),
  fc.oneof(value, withMembers("IPAMConfig", "Aliases", "Links", "MacAddress", "DriverOpts", "GwPriority")),
);
const bindings = fc.dictionary(
  fc.constantFrom("80/tcp", "x", "", "99999/udp"),
  fc.oneof(value, fc.array(withMembers("HostIp", "HostPort"))),
);

const BODIES: readonly [method: string, url: string, body: fc.Arbitrary<unknown>][] = [
  [
    "POST",
    "/networks/create",
    fc.oneof(
      value,
      withMembers("Name", "Driver", "IPAM", "Options", "Labels", "ConfigFrom", "EnableIPv6", "Internal"),
      fc.record({ Name: fc.string(), IPAM: withMembers("Driver", "Options", "Config") }),
    ),
  ],
  [
    "POST",
    "/networks/bridge/connect",
    fc.oneof(value, fc.record({ Container: fc.constant("web"), EndpointConfig: value })),
  ],
  ["POST", "/networks/bridge/disconnect", fc.oneof(value, withMembers("Container", "Force"))],
  ["POST", "/drawbridge/containers/web/ports", fc.record({ PortBindings: fc.oneof(value, bindings) })],
  ["DELETE", "/drawbridge/containers/web/ports", fc.record({ PortBindings: fc.oneof(value, bindings) })],
  [
    "POST",
    "/containers/create",
    fc.record({
      Image: fc.constant("busybox"),
      MacAddress: value,
      ExposedPorts: value,
      HostConfig: fc.oneof(
        withMembers("PortBindings", "PublishAllPorts", "Links", "NetworkMode", "Sysctls"),
        fc.record({ PortBindings: bindings }),
      ),
      NetworkingConfig: fc.oneof(value, fc.record({ EndpointsConfig: endpoints })),
    }),
  ],
];

for (const [method, url, body] of BODIES) {
  test(`${method} ${url}: any body`, async () => {
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom("1.24", "1.43", "1.47", "1.50"), async (sent, version) => {
        const answer = await api.ask(method, `/v${version}${url}`, json(JSON.stringify(sent)));
        assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
        if (answer.status >= 400) assert.ok(messageIn(answer).length > 0);
      }),
      { numRuns: 1500 },
    );
  });
}

test("any filters", async () => {
  const names = fc.constantFrom(
    "name",
    "id",
    "type",
    "label",
    "label!",
    "until",
    "dangling",
    "publish",
    "expose",
  );
  const filters = fc.oneof(
    value,
    fc.dictionary(names, fc.oneof(value, fc.array(fc.string()), fc.dictionary(fc.string(), fc.boolean()))),
  );
  const urls: readonly [string, string][] = [
    ["GET", "/networks"],
    ["POST", "/networks/prune"],
    ["GET", "/containers/json"],
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...urls), filters, async ([method, url], sent) => {
      const query = encodeURIComponent(JSON.stringify(sent));
      const answer = await api.ask(method, `${url}?filters=${query}`);
      assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
    }),
    { numRuns: 150 },
  );
});
