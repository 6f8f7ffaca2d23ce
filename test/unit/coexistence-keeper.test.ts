/** What is damage, and how it is repaired, without a kernel. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { silent } from "../../src/lib/log.ts";
import type { KernelChanges } from "../../src/linux/monitor.ts";
import { Backoff } from "../../src/network/coexistence/backoff.ts";
import { damageOf } from "../../src/network/coexistence/damage.ts";
import { Repairer } from "../../src/network/coexistence/repairer.ts";
import { concerns, NOTHING_SEEN } from "../../src/network/coexistence/survey.ts";

const changes = (more: Partial<KernelChanges>): KernelChanges => ({
  tables: new Map(),
  by: new Set(),
  links: new Map(),
  gone: new Map(),
  released: new Set(),
  unaddressed: new Set(),
  lost: false,
  ...more,
});
const link = (name: string, up: boolean, kind?: string) =>
  new Map([[7, { ifindex: 7, name, mtu: 1500, up, loopback: false, ...(kind && { kind }) }]]);

test("damage is what was done to our tables, our bridges and their ports", () => {
  const damage = (more: Partial<KernelChanges>) => damageOf(changes(more), ["docker0"]);
  assert.deepEqual(damage({ tables: new Map([["inet drawbridge", "elements"]]) }), {
    rules: true,
    links: false,
  });
  assert.deepEqual(damage({ tables: new Map([["bridge drawbridge-guard", "rules"]]) }), {
    rules: true,
    links: false,
  });
  assert.deepEqual(damage({ tables: new Map([["inet firewalld", "rules"]]) }), {
    rules: false,
    links: false,
  });
  assert.deepEqual(damage({ gone: new Map([[7, "docker0"]]) }), { rules: false, links: true });
  assert.deepEqual(damage({ gone: new Map([[7, "veth1"]]) }), { rules: false, links: false });
  assert.deepEqual(damage({ links: link("docker0", false) }), { rules: false, links: true });
  assert.deepEqual(damage({ links: link("docker0", true) }), { rules: false, links: false });
  assert.deepEqual(damage({ links: link("eth0", false) }), { rules: false, links: false });
  assert.deepEqual(damage({ released: new Set([7]) }), { rules: false, links: true });
  assert.deepEqual(damage({ unaddressed: new Set([7]) }), { rules: false, links: true });
  assert.deepEqual(damage({ lost: true }), { rules: true, links: true });
});

test("other firewalls are looked at again when they change, and when links that lead elsewhere do", () => {
  const seen = { ...NOTHING_SEEN, links: new Set(["eth0"]) };
  const again = (more: Partial<KernelChanges>) => concerns(changes(more), seen);
  assert.equal(again({ tables: new Map([["ip filter", "rules"]]) }), true);
  assert.equal(again({ tables: new Map([["inet f2b", "elements"]]) }), false);
  assert.equal(again({ tables: new Map([["inet drawbridge", "rules"]]) }), false);
  assert.equal(again({ links: link("br-b", true, "bridge") }), true);
  assert.equal(again({ links: link("eth0", true) }), false);
  assert.equal(again({ links: link("veth1", true, "veth") }), false);
  assert.equal(again({ gone: new Map([[2, "eth0"]]) }), true);
  assert.equal(again({ gone: new Map([[8, "veth1"]]) }), false);
  assert.equal(again({ lost: true }), true);
});

test("at first without delay, then twice as long each time, and at once again after a rest", () => {
  const backoff = new Backoff();
  const delays = Array.from({ length: 13 }, (_, i) => {
    const delay = backoff.delay(i);
    backoff.note(i);
    return delay;
  });
  assert.deepEqual(delays, [0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  assert.equal(backoff.delay(10_020), 0);
});

describe("repairs", () => {
  test("come one at a time, and what happens meanwhile is one more", async () => {
    const repairs: PromiseWithResolvers<boolean>[] = [];
    const asked: object[] = [];
    const repairer = new Repairer((damage) => {
      const repair = Promise.withResolvers<boolean>();
      asked.push(damage);
      repairs.push(repair);
      return repair.promise;
    }, silent);
    repairer.report({ rules: false, links: false }, []);
    repairer.report({ rules: true, links: false }, ["nft"]);
    await settled();
    repairer.report({ rules: false, links: true }, ["ip"]);
    repairer.report({ rules: true, links: false }, ["nft"]);
    await settled();
    assert.deepEqual(asked, [{ rules: true, links: false }]);
    repairs[0]?.resolve(true);
    await settled();
    assert.deepEqual(asked[1], { rules: true, links: true });
    const stopped = repairer.stop();
    repairer.report({ rules: true, links: false }, []);
    repairs[1]?.resolve(true);
    await stopped;
    assert.equal(asked.length, 2);
  });

  test("that fail are tried again, and told once", async () => {
    const errors: string[] = [];
    let failures = 3;
    const done = Promise.withResolvers<void>();
    const repairer = new Repairer(
      async () => {
        if (failures === 0) {
          done.resolve();
          return true;
        }
        failures -= 1;
        throw new Error("no");
      },
      { ...silent, error: (_, message) => void errors.push(message) },
    );
    repairer.report({ rules: true, links: false }, []);
    await done.promise;
    await repairer.stop();
    assert.deepEqual(errors, ["put right what was changed from outside: no"]);
  });

  test("that somebody undoes each time are put off, and he is named, once", async () => {
    const warnings: object[] = [];
    let count = 0;
    const put = Promise.withResolvers<void>();
    const repairer: Repairer = new Repairer(
      async () => {
        count += 1;
        repairer.report({ rules: true, links: false }, ["flusher"]);
        return true;
      },
      {
        ...silent,
        warn: (fields) => {
          warnings.push(fields);
          put.resolve();
        },
      },
    );
    repairer.report({ rules: true, links: false }, ["flusher"]);
    await put.promise;
    assert.equal(count, 5);
    await repairer.stop();
    assert.deepEqual(warnings, [{ by: "flusher" }]);
  });

  test("where nothing was amiss, nobody is suspected and nothing put off", async () => {
    const warnings: object[] = [];
    let count = 0;
    const done = Promise.withResolvers<void>();
    const repairer: Repairer = new Repairer(
      async () => {
        count += 1;
        if (count < 20) repairer.report({ rules: false, links: true }, []);
        else done.resolve();
        return false;
      },
      { ...silent, warn: (fields) => void warnings.push(fields) },
    );
    repairer.report({ rules: false, links: true }, []);
    await done.promise;
    await repairer.stop();
    assert.deepEqual(warnings, []);
  });
});

/** All that was promised is done. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
