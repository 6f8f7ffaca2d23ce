/** Who answers for an address: ARP and neighbour discovery along a way. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { Machine, twoContainers } from "../support/topologies.ts";
import { events, flowFrom, onlyPath, predicted, RULE, type Rules } from "../support/walks.ts";

const asked = (how: string, address: string) => (event: { how: string; address: { bits: bigint } }) =>
  event.how === how && event.address.bits === parseAddress(address).bits;

describe("a neighbour", () => {
  test("is asked once: who was asked knows the asker", () => {
    for (const to of ["172.17.0.2", "fd00::2"]) {
      const { machine, db, web } = twoContainers();
      const path = onlyPath(predicted(machine, flowFrom(db, to)));
      const neighbours = events(path, "neighbour");
      assert.deepEqual(
        neighbours.map(({ how, mac }) => [how, mac]),
        [
          ["asked", web.at("eth0").mac],
          ["known", db.at("eth0").mac],
        ],
        to,
      );
    }
  });

  test("that is known is not asked, unless it failed", () => {
    const { machine, db, web } = twoContainers();
    const mac = web.at("eth0").mac ?? "";
    for (const [state, how] of [
      [0x02, "known"],
      [0x04, "known"],
      [0x08, "known"],
      [0x10, "known"],
      [0x80, "known"],
      [0x01, "asked"],
      [0x20, "asked"],
    ] as const) {
      db.neighbours.splice(0);
      db.neighbour("eth0", "172.17.0.2", mac, state);
      const path = onlyPath(predicted(machine, flowFrom(db, "172.17.0.2")));
      assert.equal(path.outcome, "reached");
      assert.ok(asked(how, "172.17.0.2")(events(path, "neighbour")[0] ?? assert.fail()), `state ${state}`);
    }
  });

  test("that two claim to be makes it unsure, and each is tried", () => {
    const { machine, host, db } = twoContainers();
    machine.container("twin", host, "docker0", ["172.17.0.9/16"]).address("eth0", "172.17.0.2/16");
    const prediction = predicted(machine, flowFrom(db, "172.17.0.2", { protocol: "tcp", port: 80 }));
    assert.equal(prediction.outcome, "unsure");
    assert.match(
      prediction.unsure.join(),
      /172\.17\.0\.2 is in use more than once: eth0 of web \(02:42:ac:11:00:02\) and eth0 of twin \(02:42:ac:11:00:09\) all answer/,
    );
    assert.deepEqual(
      prediction.paths.map(({ outcome, reason }) => [outcome, reason?.code]),
      [
        ["reached", undefined],
        ["dropped", "closed"],
      ],
    );
  });

  test("may be a proxy, that leads on", () => {
    const machine = new Machine();
    const router = machine.namespace("router", { forwards: true });
    const [near, far] = [machine.namespace("near"), machine.namespace("far")];
    machine.pair(router, "a", near, "eth0");
    machine.pair(router, "b", far, "eth0");
    near.address("eth0", "10.0.0.2/16");
    router.address("a", "10.0.0.1/24");
    router.address("b", "10.0.1.1/24");
    far.address("eth0", "10.0.1.2/24");
    far.route("default via 10.0.1.1 dev eth0");
    assert.equal(onlyPath(predicted(machine, flowFrom(near, "10.0.1.2"))).reason?.code, "no-neighbour");
    router.change("a", { settings: { proxyArp: true } });
    const path = onlyPath(predicted(machine, flowFrom(near, "10.0.1.2")));
    assert.equal(path.outcome, "reached");
    assert.equal(events(path, "neighbour")[0]?.mac, router.at("a").mac);
  });

  test("has an address on another link, and answers for it all the same, unless told otherwise", () => {
    const { machine, db, web } = twoContainers();
    web.address("lo", "172.17.5.5/32");
    const way = () => onlyPath(predicted(machine, flowFrom(db, "172.17.5.5")));
    assert.equal(way().outcome, "reached");
    for (const [mode, outcome] of [
      [1, "dropped"],
      [2, "dropped"],
      [3, "dropped"],
      [4, "reached"],
      [8, "dropped"],
    ] as const) {
      web.change("eth0", { settings: { arpIgnore: mode } });
      assert.equal(way().outcome, outcome, `arp_ignore ${mode}`);
    }
  });

  test("of IPv6 answers on the link that has the address alone", () => {
    const { machine, db, web } = twoContainers();
    web.address("lo", "fd00::55/128");
    assert.match(
      onlyPath(predicted(machine, flowFrom(db, "fd00::55"))).reason?.text ?? "",
      /nobody on eth0 of db answers for fd00::55; lo of web has it, but can't be reached by that link/,
    );
  });

  test("whose advertisement a rule drops does not answer", () => {
    const { machine, db, web } = twoContainers();
    const rule: Rules = {
      of: web,
      at: "ip6 output",
      run: () => ({ verdict: { do: "drop", by: RULE } }),
    };
    const path = onlyPath(predicted(machine, flowFrom(db, "fd00::2"), [rule]));
    assert.equal(path.reason?.code, "no-neighbour");
    assert.match(
      path.reason?.text ?? "",
      /the neighbour discovery question or its answer is lost, since a rule/,
    );
  });

  test("is asked by ARP under an address that it can answer to", () => {
    const { machine, db } = twoContainers();
    const senders: string[] = [];
    const watch: Rules = {
      of: db,
      at: "arp output",
      run({ bytes, network }) {
        senders.push(bytes.subarray(network + 14, network + 18).join("."));
        return undefined;
      },
    };
    db.address("eth0", "10.5.0.1/24");
    const flow = flowFrom(db, "172.17.0.2", { source: parseAddress("10.5.0.1") });
    predicted(machine, flow, [watch]);
    db.change("eth0", { settings: { arpAnnounce: 2 } });
    predicted(machine, flow, [watch]);
    assert.deepEqual(senders, ["10.5.0.1", "172.17.0.3"]);
  });
});
