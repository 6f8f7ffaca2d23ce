/** A sandbox's default routes, brought to what they shall be from whatever there is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import type { Route } from "../../src/linux/kernel.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { settleRoutes } from "../../src/network/sandbox/gateway.ts";
import type { Endpoint } from "../../src/network/types.ts";

const key = "/run/netns/s" as NetnsPath;

const on = (networkName: string, gateway: string, gateway6?: string): Endpoint =>
  ({
    networkName,
    gateway: parseAddress(gateway),
    ...(gateway6 && { gateway6: parseAddress(gateway6) }),
  }) as unknown as Endpoint;

const via = (address: string): Route => ({ to: "default", via: parseAddress(address), table: 254, type: 1 });

const steps = (endpoints: readonly Endpoint[], routes: readonly Route[], gone: readonly Endpoint[] = []) =>
  settleRoutes({ key, endpoints }, routes, gone).map((step) =>
    step.do === "add-route" || step.do === "delete-route"
      ? `${step.do} ${step.via && formatAddress(step.via)}`
      : step.do,
  );

const a = on("a", "10.1.0.1");
const b = on("b", "10.2.0.1", "fd00:2::1");

describe("default routes", () => {
  test("as they shall be, nothing is done", () => {
    assert.deepEqual(steps([a, b], [via("10.1.0.1"), via("fd00:2::1")]), []);
  });
  test("of each family the one that is missing", () => {
    assert.deepEqual(steps([a, b], []), ["add-route 10.1.0.1", "add-route fd00:2::1"]);
  });
  test("in the place of another endpoint's", () => {
    assert.deepEqual(steps([a, b], [via("10.2.0.1"), via("fd00:2::1")]), [
      "delete-route 10.2.0.1",
      "add-route 10.1.0.1",
    ]);
  });
  test("in the place of one that has left", () => {
    assert.deepEqual(steps([b], [via("10.1.0.1"), via("fd00:2::1")], [a]), [
      "delete-route 10.1.0.1",
      "add-route 10.2.0.1",
    ]);
  });
  test("what the container's own hand made stays", () => {
    assert.deepEqual(steps([], [via("192.0.2.1")], [a]), []);
  });
});
