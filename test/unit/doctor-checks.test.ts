/** Each check on a host with the one trouble that it is for, and all of them on a healthy one. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ALL_CHECKS } from "../../src/doctor/checks/all.ts";
import { HOST, lab, look, neighbour, said } from "../support/doctor-lab.ts";
import { CASES } from "./doctor-cases.ts";
import { find, HEALTHY, more, only } from "./doctor-host.ts";

describe("a healthy host", () => {
  for (const { name, look: see } of ALL_CHECKS)
    test(`has nothing for ${name}`, async () => {
      assert.ok(see);
      assert.deepEqual(said(await find(name)), []);
    });

  test("has each check once, with the name of its file", () => {
    const names = ALL_CHECKS.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
  });
});

describe("a check names its trouble", () => {
  for (const [check, what, changes, expected] of CASES)
    test(`${check}: ${what}`, async () => assert.deepEqual(said(await find(check, changes)), expected));

  test("and each finding says how it is known, why, and about whom", async () => {
    for (const [check, , changes] of CASES)
      for (const finding of await find(check, changes)) {
        assert.equal(finding.check, check);
        assert.ok(finding.evidence.length > 0, `${check} without evidence`);
        assert.ok(finding.cause.length > 40, `${check} without a cause`);
        assert.ok(finding.about.namespace !== undefined || finding.about.container !== undefined, check);
      }
  });
});

describe("what is tried", () => {
  test("path-mtu: large packets get lost", async () => {
    const found = await find("path-mtu", {}, { pathMtu: async (from) => (from === HOST ? 1400 : 1500) });
    assert.deepEqual(said(found), [
      "broken: this machine loses packets of more than 1400 bytes on the way to its gateway 203.0.113.1, though eth0 sends up to 1500",
    ]);
  });

  test("path-mtu: a gateway that does not answer says nothing", async () => {
    assert.deepEqual(await find("path-mtu", {}, { pathMtu: async () => undefined }), []);
  });

  test("address-conflict: somebody else answers", async () => {
    const intruder = "02:00:00:00:00:66";
    const found = await find(
      "address-conflict",
      {},
      { whoHas: async (_, ip) => ((ip.bits & 0xffn) === 2n ? [intruder] : []) },
    );
    assert.deepEqual(said(found), [
      `broken: somebody else answers for 203.0.113.2, the address of this machine, on eth0: ${intruder}`,
      `broken: somebody else answers for 172.17.0.2, the address of container web, on docker0: ${intruder}`,
    ]);
  });

  test("address-conflict: a router that answers for all is nobody's rival", async () => {
    const router = "02:00:00:00:00:66";
    const host = more({ neighbours: [neighbour(2, "203.0.113.1", router)] });
    assert.deepEqual(
      await find(
        "address-conflict",
        { host },
        { whoHas: async (_, ip) => (ip.bits >> 24n === 203n ? [router] : []) },
      ),
      [],
    );
  });

  test("a container's own trouble is its own", async () => {
    const check = ALL_CHECKS.find(({ name }) => name === "container-route");
    const topology = lab({ web: only({ routes: [] }) });
    assert.ok(check);
    assert.equal((await look(check, topology, HEALTHY, "web")).length, 1);
    assert.deepEqual(await look(check, topology, HEALTHY, "db"), []);
  });
});
