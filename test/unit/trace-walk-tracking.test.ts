/** Connection tracking and translation along a way, there and back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressBytes, formatAddress, parseAddress } from "../../src/lib/ip.ts";
import type { Translation } from "../../src/trace/firewall/types.ts";
import type { Flow, Path, Sight } from "../../src/trace/types.ts";
import { type Place, twoContainers } from "../support/topologies.ts";
import { events, flowFrom, onlyPath, predicted, RULE, type Rules } from "../support/walks.ts";

const text = ({ source, sourcePort, destination, destinationPort }: Sight): string =>
  `${formatAddress(source)}:${sourcePort} ${formatAddress(destination)}:${destinationPort ?? "-"}`;

const nat = (of: Place, at: Rules["at"], translation: Translation): Rules => ({
  of,
  at,
  type: "nat",
  run: () => ({ translation }),
});

const toWeb: Translation = {
  what: "destination",
  address: addressBytes(parseAddress("172.17.0.2")),
  ports: [80, 80],
  rule: RULE,
};
const masquerade: Translation = { what: "masquerade", rule: RULE };
const http = { protocol: "tcp", port: 8080, sourcePort: 4321 } as const;

const translations = (path: Path): readonly string[] =>
  events(path, "translate").map(({ what, after }) => `${what}: ${text(after)}`);

const states = (path: Path, place: Place): readonly string[] =>
  path.hops.flatMap(({ namespace, event }) =>
    namespace === place.id && event.kind === "connection" ? [event.state] : [],
  );

const fromOutside = (host: Place): Partial<Flow> => ({
  enters: { namespace: host.id, ifindex: host.at("eth0").ifindex },
  source: parseAddress("198.51.100.7"),
  from: { label: "outside" },
  ...http,
});

describe("translation", () => {
  test("of a published port, for somebody outside: the answer leaves under the address that was asked", () => {
    const { machine, host, web } = twoContainers();
    const rules = [nat(host, "ip prerouting", toWeb)];
    const path = onlyPath(predicted(machine, flowFrom(web, "192.0.2.2", fromOutside(host)), rules));
    assert.equal(path.outcome, "reached");
    assert.deepEqual(translations(path), [
      "destination: 198.51.100.7:4321 172.17.0.2:80",
      "source: 192.0.2.2:8080 198.51.100.7:4321",
    ]);
    assert.deepEqual(states(path, host), ["new", "established"]);
  });

  test("of a container's own address, on its way out", () => {
    const { machine, host, db } = twoContainers();
    const peer = machine.namespace("peer");
    machine.pair(host, "up", peer, "eth0");
    host.address("up", "203.0.113.1/24");
    peer.address("eth0", "203.0.113.9/24");
    peer.listen("tcp", 8080);
    const flow = flowFrom(db, "203.0.113.9", http);
    const path = onlyPath(predicted(machine, flow, [nat(host, "ip postrouting", masquerade)]));
    assert.equal(path.outcome, "reached");
    assert.deepEqual(translations(path), [
      "source: 203.0.113.1:4321 203.0.113.9:8080",
      "destination: 203.0.113.9:8080 172.17.0.3:4321",
    ]);
    // Without it, the peer has no way back.
    assert.equal(onlyPath(predicted(machine, flow)).reason?.code, "reply-lost");
  });

  test("of what the host itself sends: it is routed again, and leaves by another link", () => {
    const { machine, host } = twoContainers();
    host.change("docker0", { settings: { routeLocalnet: true } });
    const rules = [nat(host, "ip output", toWeb), nat(host, "ip postrouting", masquerade)];
    const path = onlyPath(predicted(machine, flowFrom(host, "127.0.0.1", http), rules));
    assert.equal(path.outcome, "reached");
    assert.deepEqual(
      events(path, "route").map((route) => route.text),
      [
        "local 127.0.0.1 dev lo",
        "172.17.0.0/16 dev docker0 src 172.17.0.1",
        "local 172.17.0.2 dev eth0",
        "172.17.0.0/16 dev eth0 src 172.17.0.2",
        "local 127.0.0.1 dev lo",
      ],
    );
    assert.deepEqual(translations(path), [
      "destination: 127.0.0.1:4321 172.17.0.2:80",
      "source: 172.17.0.1:4321 172.17.0.2:80",
      "destination: 172.17.0.2:80 127.0.0.1:4321",
      "source: 127.0.0.1:8080 127.0.0.1:4321",
    ]);
  });

  test("back to the asker's own network fails where the server answers directly", () => {
    const { machine, host, db } = twoContainers();
    const rules = [nat(host, "ip prerouting", toWeb)];
    const path = onlyPath(predicted(machine, flowFrom(db, "192.0.2.2", http), rules));
    assert.equal(path.reason?.code, "reply-lost");
    assert.match(
      path.reason?.text ?? "",
      /it comes from 172\.17\.0\.2:80, but db asked 192\.0\.2\.2:8080, and waits for nobody else/,
    );
    const whole = [...rules, nat(host, "ip postrouting", masquerade)];
    assert.equal(onlyPath(predicted(machine, flowFrom(db, "192.0.2.2", http), whole)).outcome, "reached");
  });

  test("to the machine itself, at the port that it is redirected to", () => {
    const { machine, db, web } = twoContainers();
    const rules = [nat(web, "ip prerouting", { what: "redirect", ports: [80, 80], rule: RULE })];
    const path = onlyPath(predicted(machine, flowFrom(db, "172.17.0.2", http), rules));
    assert.equal(path.outcome, "reached");
    assert.deepEqual(translations(path), [
      "destination: 172.17.0.3:4321 172.17.0.2:80",
      "source: 172.17.0.2:8080 172.17.0.3:4321",
    ]);
  });

  test("of an error: what it is about is turned back as well", () => {
    const { machine, host, db } = twoContainers();
    const peer = machine.namespace("peer");
    machine.pair(host, "up", peer, "eth0");
    host.address("up", "203.0.113.1/24");
    peer.address("eth0", "203.0.113.9/24");
    const flow = flowFrom(db, "203.0.113.9", { protocol: "udp", port: 53, sourcePort: 4321 });
    const path = onlyPath(predicted(machine, flow, [nat(host, "ip postrouting", masquerade)]));
    assert.equal(path.reason?.code, "no-socket");
    assert.deepEqual(states(path, host), ["new", "related"]);
    assert.deepEqual(events(path, "local").at(-1), {
      kind: "local",
      to: "the sender, who is told that nobody receives at this port",
    });
    assert.equal(path.hops.at(-1)?.namespace, db.id);
  });
});

describe("connection tracking", () => {
  test("knows the answer, and a rule may let it pass for that", () => {
    const { machine, host, db } = twoContainers();
    const drop = { verdict: { do: "drop", by: RULE } } as const;
    const peer = machine.namespace("peer");
    machine.pair(host, "up", peer, "eth0");
    host.address("up", "203.0.113.1/24");
    peer.address("eth0", "203.0.113.9/24");
    peer.route("default via 203.0.113.1 dev eth0");
    const guard: Rules = {
      of: host,
      at: "ip forward",
      run: (_, { connection, in: link }) =>
        link === host.at("up").ifindex && connection?.state !== "established" ? drop : undefined,
    };
    const there = predicted(machine, flowFrom(db, "203.0.113.9"), [guard], [host]);
    assert.equal(there.outcome, "reached");
    const back = predicted(machine, flowFrom(peer, "172.17.0.2"), [guard], [host]);
    assert.equal(onlyPath(back).reason?.code, "rule");
    assert.equal(predicted(machine, flowFrom(db, "203.0.113.9"), [guard]).outcome, "dropped", "untracked");
  });

  test("what a rule tells of a connection that was never let through belongs to it", () => {
    const { machine, host, db } = twoContainers();
    const seen: string[] = [];
    const rules: Rules[] = [
      {
        of: host,
        at: "ip input",
        run: () => ({ verdict: { do: "reject", by: RULE, with: "tcp reset" } }),
      },
      {
        of: host,
        at: "ip output",
        run: (_, { connection }) => {
          seen.push(connection?.state ?? "none");
          return undefined;
        },
      },
    ];
    const reset = onlyPath(predicted(machine, flowFrom(db, "172.17.0.1", http), rules, [host]));
    assert.equal(reset.reason?.code, "rule");
    assert.deepEqual(
      events(reset, "local").at(-1)?.to,
      "the sender, who is told that the connection is refused",
    );
    assert.deepEqual(seen, ["related"]);
    seen.length = 0;
    const icmp = {
      ...rules[0],
      run: () => ({ verdict: { do: "reject", by: RULE, with: "icmp-port-unreachable" } }),
    };
    predicted(machine, flowFrom(db, "172.17.0.1", http), [icmp as Rules, ...rules.slice(1)], [host]);
    assert.deepEqual(seen, ["related"]);
  });

  test("an entry that is there already decides: a stale one leads astray", () => {
    const { machine, host, web } = twoContainers();
    const flow = flowFrom(web, "192.0.2.2", { ...fromOutside(host), protocol: "udp" });
    const tuple = {
      sourcePort: 4321,
      destinationPort: 8080,
      source: parseAddress("198.51.100.7"),
      destination: parseAddress("192.0.2.2"),
    };
    const reply = {
      sourcePort: 80,
      destinationPort: 4321,
      source: parseAddress("172.17.0.99"),
      destination: tuple.source,
    };
    host.connections = [
      { family: 4, protocol: 17, original: tuple, reply, status: 32 | 8, mark: 0, zone: 0, timeout: 20 },
    ];
    const path = onlyPath(predicted(machine, flow, [nat(host, "ip prerouting", toWeb)]));
    assert.equal(path.reason?.code, "no-neighbour");
    assert.match(path.reason?.text ?? "", /172\.17\.0\.99/);
    host.connections = [];
    assert.equal(predicted(machine, flow, [nat(host, "ip prerouting", toWeb)]).outcome, "reached");
  });

  test("a port that is taken is exchanged for another", () => {
    const { machine, host, db } = twoContainers();
    const outer = { source: parseAddress("192.0.2.2"), destination: parseAddress("192.0.2.77") };
    const original = { ...outer, sourcePort: 4321, destinationPort: 8080 };
    const reply = {
      source: outer.destination,
      destination: outer.source,
      sourcePort: 8080,
      destinationPort: 4321,
    };
    host.connections = [
      { family: 4, protocol: 6, original, reply, status: 8, mark: 0, zone: 0, timeout: 20 },
    ];
    const path = onlyPath(
      predicted(machine, flowFrom(db, "192.0.2.77", http), [nat(host, "ip postrouting", masquerade)]),
    );
    assert.match(path.assumptions[0] ?? "", /port 4321 of 192\.0\.2\.2 is taken/);
    assert.notEqual(path.hops.at(-1)?.packet.sourcePort, 4321);
  });

  test("what is not to be tracked has no connection, and is not translated", () => {
    const { machine, host, db } = twoContainers();
    const rules: Rules[] = [
      { of: host, at: "ip prerouting", priority: -300, run: () => ({ notrack: true }) },
      nat(host, "ip postrouting", masquerade),
    ];
    const path = onlyPath(predicted(machine, flowFrom(db, "192.0.2.77", http), rules));
    assert.deepEqual(states(path, host), []);
    assert.deepEqual(translations(path), []);
  });
});

describe("what rules leave open", () => {
  test("forks the way, each with what it takes for granted", () => {
    const { machine, web, db } = twoContainers();
    const limited: Rules = {
      of: web,
      at: "ip input",
      run: () => [
        { assumptions: ["the limit is not used up"] },
        { verdict: { do: "drop", by: RULE }, assumptions: ["the limit is used up"] },
      ],
    };
    const prediction = predicted(machine, flowFrom(db, "172.17.0.2"), [limited]);
    assert.equal(prediction.outcome, "unsure");
    assert.deepEqual(
      prediction.paths.map(({ outcome, assumptions }) => [outcome, ...assumptions]),
      [
        ["reached", "the limit is not used up"],
        ["dropped", "the limit is used up"],
      ],
    );
  });

  test("is tried out within bounds", () => {
    const { machine, host, web, db } = twoContainers();
    const open = (of: Place, at: Rules["at"]): Rules => ({
      of,
      at,
      run: () => [0, 1, 2, 3].map((n) => ({ assumptions: [`${at} ${n}`] })),
    });
    const hooks = ["ip prerouting", "ip input", "ip output", "ip postrouting"] as const;
    const prediction = predicted(machine, flowFrom(db, "172.17.0.2"), [
      ...hooks.map((at) => open(web, at)),
      open(host, "bridge forward"),
    ]);
    assert.equal(prediction.paths.length, 32);
    assert.equal(prediction.outcome, "unsure");
    assert.match(prediction.unsure.join(), /more than 32 ways/);
  });

  test("what a program decides may go either way", () => {
    const { machine, web, db } = twoContainers();
    const queue: Rules = {
      of: web,
      at: "ip input",
      run: () => ({ verdict: { do: "elsewhere", by: RULE, how: "the program at queue 1" } }),
    };
    const { outcome, paths } = predicted(machine, flowFrom(db, "172.17.0.2"), [queue]);
    assert.equal(outcome, "unsure");
    assert.deepEqual(
      paths.map((path) => path.assumptions[0]),
      ["the program at queue 1, in web, lets it pass", "the program at queue 1, in web, keeps it"],
    );
  });
});
