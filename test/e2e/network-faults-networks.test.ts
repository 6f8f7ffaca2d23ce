/** Networks whose making or removal fails at any call: made whole or not at all, and removed at last. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { NetworkRequest } from "../../src/network/types.ts";
import { assertSameWorld, EngineHere, sh } from "../support/engine-here.ts";
import { type Change, comesUpWhole, goesDownAtLast } from "../support/fault-rounds.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const here = new EngineHere();

/** With the host's own sysctls as they were before the engine's first network with IPv6. */
const RESET = `sysctl -qw net.ipv6.conf.all.forwarding=0
for link in uplink far own0; do sysctl -qw net.ipv6.conf.$link.accept_ra=1; done`;

function change(request: NetworkRequest, made: readonly RegExp[], gone: readonly RegExp[]) {
  const { networks } = here.engine;
  const both = {
    prepare: () => sh(RESET),
    up: () => networks.create(request),
    down: () => networks.remove(request.name),
  };
  return { made: { ...both, calls: made } satisfies Change, gone: { ...both, calls: gone } satisfies Change };
}

before(async () => {
  await sh("ip link add uplink type veth peer name far && ip link set uplink up && ip link set far up");
  await sh("ip link add name own0 address 02:00:00:00:00:01 type bridge");
  await here.start();
});
after(() => here[Symbol.asyncDispose]());

const situations: readonly (readonly [
  name: string,
  request: NetworkRequest,
  made: readonly RegExp[],
  gone: readonly RegExp[],
])[] = [
  [
    "dual-stack",
    {
      name: "dual",
      ipv6: true,
      ipam: { config: [{ subnet: "10.1.0.0/24" }, { subnet: "fd00:1::/64" }] },
    },
    [
      /^store.commit 1/,
      /^kernel.apply 0 before step 5/,
      /^kernel.apply 1 before step 1/,
      /^kernel.readSysctl/,
    ],
    [/^store.commit 0/, /^kernel.links/, /^kernel.dismantle 1 step 0/],
  ],
  [
    "internal",
    { name: "inside", internal: true },
    [/^store.commit 0/, /^kernel.routes/, /^kernel.apply 0 before step 3/],
    [/^store.commit 0/, /^kernel.dismantle 1 step 0/],
  ],
  [
    "macvlan",
    {
      name: "wire",
      driver: "macvlan",
      options: { parent: "uplink" },
      ipam: { config: [{ subnet: "10.2.0.0/24" }] },
    },
    [/^store.commit 0/, /^kernel.links/],
    [/^store.commit 0/, /^kernel.links/],
  ],
  [
    "on its user's own bridge",
    {
      name: "own",
      ipv6: true,
      options: { "com.docker.network.bridge.name": "own0" },
      ipam: { config: [{ subnet: "10.3.0.0/24" }, { subnet: "fd00:3::/64" }] },
    },
    [/^store.commit 0/, /^kernel.apply 0 before step 3/],
    [/^store.commit 0/, /^kernel.dismantle 0 step 1/],
  ],
];

describe("a network that fails half-way", () => {
  test("the first with IPv6: the host forwards no more than before", async () => {
    const { networks } = here.engine;
    await sh(RESET);
    const clean = await here.world();
    for (let step = 0; ; step += 1) {
      const fault = `kernel.apply 1 before step ${step}`;
      const up = () => networks.create({ name: "first", ipv6: true });
      const { met } = await here.faults.during(fault, up);
      if (!met) break;
      assertSameWorld(await here.world(), clean, fault);
    }
    assert.match(await sh("sysctl -n net.ipv6.conf.all.forwarding"), /1/);
    await networks.remove("first");
  });

  for (const [name, request, made, gone] of situations) {
    test(`${name}: made whole or not at all`, () => comesUpWhole(here, change(request, made, gone).made));
    test(`${name}: removed at last`, () => goesDownAtLast(here, change(request, made, gone).gone));
  }
});
