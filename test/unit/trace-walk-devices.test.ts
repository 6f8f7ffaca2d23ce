/** What each kind of link does with a packet. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { Machine, twoContainers } from "../support/topologies.ts";
import { events, flowFrom, links, onlyPath, predicted } from "../support/walks.ts";

describe("a bridge", () => {
  test("finds the port by flooding, learns it, and answers by what it learned", () => {
    const { machine, db } = twoContainers();
    const path = onlyPath(predicted(machine, flowFrom(db, "172.17.0.2")));
    assert.deepEqual(links(path), ["out eth0", "in veth-db", "out veth-web", "in eth0"]);
    assert.deepEqual(links(path, "back"), ["out eth0", "in veth-web", "out veth-db", "in eth0"]);
    assert.deepEqual(
      events(path, "bridge").map(({ bridge, to, how }) => [bridge, to, how]),
      [
        ["docker0", "veth-web", "entry"],
        ["docker0", "veth-db", "entry"],
      ],
    );
  });

  test("floods what it has no entry for, and only the port that leads on is told of", () => {
    const { machine, db, web, host } = twoContainers();
    machine.container("third", host, "docker0", ["172.17.0.4/16"]);
    db.neighbour("eth0", "172.17.0.2", web.at("eth0").mac ?? "");
    const path = onlyPath(predicted(machine, flowFrom(db, "172.17.0.2")));
    assert.equal(path.outcome, "reached");
    assert.deepEqual(events(path, "bridge")[0], {
      kind: "bridge",
      bridge: "docker0",
      to: "veth-web",
      how: "flood",
    });
  });

  test("is a link of the host as well", () => {
    const { machine, db, host } = twoContainers();
    const in4 = onlyPath(predicted(machine, flowFrom(db, "172.17.0.1")));
    assert.deepEqual(links(in4), ["out eth0", "in veth-db", "in docker0"]);
    const out = onlyPath(predicted(machine, flowFrom(host, "172.17.0.2")));
    assert.deepEqual(links(out), ["out docker0", "out veth-web", "in eth0"]);
  });

  test("sends nothing back by the port that it came by, but in hairpin mode", () => {
    const { machine, db, host, web } = twoContainers();
    const mac = web.at("eth0").mac ?? "";
    host.entry("docker0", mac, "veth-db");
    db.neighbour("eth0", "172.17.0.2", mac);
    assert.match(
      onlyPath(predicted(machine, flowFrom(db, "172.17.0.2"))).reason?.text ?? "",
      /not in hairpin mode/,
    );
    host.enslave("veth-db", "docker0", { hairpin: true });
    assert.equal(onlyPath(predicted(machine, flowFrom(db, "172.17.0.2"))).reason?.code, "wrong-mac");
  });

  test("that filters VLANs is not predicted", () => {
    const { machine, db, host } = twoContainers();
    const { bridge } = host.at("docker0");
    assert.ok(bridge);
    host.change("docker0", { bridge: { ...bridge, vlanFiltering: true } });
    const prediction = predicted(machine, flowFrom(db, "172.17.0.2"));
    assert.equal(prediction.outcome, "unsure");
    assert.deepEqual(prediction.unsure, [
      "the bridge docker0 of host filters by VLAN, which is not predicted",
    ]);
  });
});

describe("out of this machine", () => {
  test("by hardware, where somebody else answers", () => {
    const { machine, db } = twoContainers();
    const path = onlyPath(predicted(machine, flowFrom(db, "192.0.2.77")));
    assert.equal(path.outcome, "leaves");
    assert.deepEqual(links(path), ["out eth0", "in veth-db", "in docker0", "out eth0"]);
    assert.deepEqual(path.assumptions, [
      "somebody who can't be seen from here answers for 192.0.2.77, asked by eth0 of host",
    ]);
    assert.equal(path.hops.at(-1)?.packet.destinationMac, undefined, "nobody here knows it");
  });

  test("by tunnels, without asking anybody", () => {
    for (const kind of ["tun", "wireguard", "vxlan"]) {
      const { machine, db, host } = twoContainers();
      host.link("t0", ["10.8.0.1/24"], { kind, ...(kind !== "vxlan" && { hardware: 65534, noArp: true }) });
      const path = onlyPath(predicted(machine, flowFrom(db, "10.8.0.2")));
      assert.equal(path.outcome, "leaves", kind);
      assert.equal(events(path, "neighbour").length, kind === "vxlan" ? 2 : 1);
    }
  });

  test("where a neighbour was asked in vain, nobody answers", () => {
    const { machine, db, host } = twoContainers();
    host.neighbours.push({
      ifindex: host.at("eth0").ifindex,
      address: parseAddress("192.0.2.77"),
      state: 0x20,
      proxy: false,
    });
    assert.equal(onlyPath(predicted(machine, flowFrom(db, "192.0.2.77"))).reason?.code, "no-neighbour");
  });

  test("into a namespace that can't be found", () => {
    const { machine, host, web } = twoContainers();
    machine.places.splice(machine.places.indexOf(web), 1);
    host.neighbour("docker0", "172.17.0.2", "02:42:ac:11:00:02");
    host.entry("docker0", "02:42:ac:11:00:02", "veth-web");
    const prediction = predicted(machine, flowFrom(host, "172.17.0.2"));
    assert.equal(prediction.outcome, "unsure");
    assert.match(
      prediction.unsure.join(),
      /the other end of veth-web of host is in a namespace that can't be seen/,
    );
  });

  test("into a namespace that can't be found, the index over there being one of here", () => {
    const { machine, host, web } = twoContainers();
    machine.places.splice(machine.places.indexOf(web), 1);
    host.neighbour("docker0", "172.17.0.2", "02:42:ac:11:00:02");
    host.entry("docker0", "02:42:ac:11:00:02", "veth-web");
    const port = host.at("veth-web");
    Object.assign(port, { other: { ifindex: port.ifindex } });
    const [path] = predicted(machine, flowFrom(host, "172.17.0.2")).paths;
    assert.equal(path?.outcome, "leaves");
  });
});

describe("macvlan", () => {
  function macvlans(mode: string) {
    const machine = new Machine();
    const host = machine.namespace("host");
    host.link("eth0", ["192.0.2.2/24"]);
    const over = { ifindex: host.at("eth0").ifindex, namespace: host.id };
    const [a, b] = ["a", "b"].map((name, i) => {
      const place = machine.namespace(name);
      place.link("eth0", [`192.0.2.1${i}/24`], { kind: "macvlan", macvlanMode: mode, other: over });
      return place;
    });
    if (!a || !b) throw new Error("two were made");
    return { machine, host, a, b };
  }

  test("in mode bridge leads to its like, and not to the link below", () => {
    const { machine, host, a } = macvlans("bridge");
    const path = onlyPath(predicted(machine, flowFrom(a, "192.0.2.11")));
    assert.equal(path.outcome, "reached");
    assert.deepEqual(links(path), ["out eth0", "in eth0"]);
    // What goes out by the wire does not come back up: somebody out there may have the address, the host does not answer.
    const below = onlyPath(predicted(machine, flowFrom(a, "192.0.2.2")));
    assert.equal(below.outcome, "leaves");
    assert.equal(host.name, "host");
  });

  test("in other modes leads out only", () => {
    const { machine, a } = macvlans("private");
    assert.equal(onlyPath(predicted(machine, flowFrom(a, "192.0.2.11"))).outcome, "leaves");
  });

  test("takes in what comes for its MAC address", () => {
    const machine = new Machine();
    const host = machine.namespace("host");
    const peer = machine.namespace("peer");
    machine.pair(host, "up", peer, "eth0");
    host.address("up", "192.0.2.2/24");
    peer.address("eth0", "192.0.2.1/24");
    const a = machine.namespace("a");
    const other = { ifindex: host.at("up").ifindex, namespace: host.id };
    a.link("eth0", ["192.0.2.10/24"], { kind: "macvlan", macvlanMode: "bridge", other });
    const path = onlyPath(predicted(machine, flowFrom(peer, "192.0.2.10")));
    assert.equal(path.outcome, "reached");
    assert.deepEqual(links(path), ["out eth0", "in up", "in eth0"]);
    assert.equal(onlyPath(predicted(machine, flowFrom(peer, "192.0.2.2"))).outcome, "reached");
  });
});

test("a VLAN link's tag is taken off by the link of the same tag, and by no other", () => {
  const machine = new Machine();
  const [a, b] = [machine.namespace("a"), machine.namespace("b")];
  machine.pair(a, "eth0", b, "eth0");
  const over = (place: typeof a) => ({
    other: { ifindex: place.at("eth0").ifindex, namespace: place.id },
    vlanId: 10,
  });
  a.link("eth0.10", ["10.0.0.1/24"], over(a));
  b.link("eth0.10", ["10.0.0.2/24"], over(b));
  const path = onlyPath(predicted(machine, flowFrom(a, "10.0.0.2")));
  assert.equal(path.outcome, "reached");
  assert.deepEqual(links(path), ["out eth0.10", "out eth0", "in eth0", "in eth0.10"]);
  b.change("eth0.10", { vlanId: 11 });
  assert.equal(onlyPath(predicted(machine, flowFrom(a, "10.0.0.2"))).reason?.code, "no-neighbour");
});

test("loopback leads back to where it began", () => {
  const { machine, web } = twoContainers();
  for (const to of ["127.0.0.1", "172.17.0.2", "::1", "fd00::2"]) {
    const path = onlyPath(predicted(machine, flowFrom(web, to)));
    assert.equal(path.outcome, "reached", to);
    assert.deepEqual(links(path), ["out lo", "in lo"]);
  }
});

test("a dummy swallows what it is given", () => {
  const machine = new Machine();
  const host = machine.namespace("host");
  host.link("d0", ["10.0.0.1/24"], { kind: "dummy", noArp: true });
  assert.match(
    onlyPath(predicted(machine, flowFrom(host, "10.0.0.2"))).reason?.text ?? "",
    /d0 of host is a dummy/,
  );
});

test("programs at a link make it unsure", () => {
  const { machine, web, db } = twoContainers();
  web.change("eth0", { xdp: true });
  db.change("eth0", { qdisc: "clsact" });
  const prediction = predicted(machine, flowFrom(db, "172.17.0.2"));
  assert.equal(prediction.outcome, "unsure");
  assert.equal(prediction.paths[0]?.outcome, "reached");
  assert.match(
    prediction.unsure.join("; "),
    /traffic control at eth0 of db \(clsact\).*an XDP program at eth0 of web/,
  );
});

test("from outside, by a link of the host", () => {
  const { machine, host, web } = twoContainers();
  const enters = { namespace: host.id, ifindex: host.at("eth0").ifindex };
  const flow = { enters, source: parseAddress("198.51.100.7"), from: { label: "outside" } };
  const path = onlyPath(predicted(machine, flowFrom(web, "172.17.0.2", flow)));
  assert.equal(path.outcome, "reached");
  assert.deepEqual(links(path), ["in eth0", "out docker0", "out veth-web", "in eth0"]);
  assert.deepEqual(links(path, "back"), ["out eth0", "in veth-web", "in docker0", "out eth0"]);
});
