/** xtables' rules on a packet: the order of rules, what can't be decided, and what text may say. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import type { ObservedLink } from "../../src/observe/types.ts";
import { stagesOf } from "../../src/trace/firewall/stages.ts";
import type { HookName, Outcome, RouteView, Surroundings } from "../../src/trace/firewall/types.ts";
import { describeXt, saveTable } from "../../src/trace/firewall/xt/describe.ts";
import { applyTarget, matchExtension } from "../../src/trace/firewall/xt/extension.ts";
import { fromIptablesSave } from "../../src/trace/firewall/xt/save.ts";
import { type Carried, makePacket, type PacketSpec } from "../../src/trace/packet/make.ts";
import type { RuleRef } from "../../src/trace/types.ts";
import { HOST, link, namespace } from "./trace-world.ts";

const LINKS: readonly ObservedLink[] = [link(1, "lo"), link(2, "eth0"), link(3, "docker0")];
const routes: RouteView = { addressType: () => 1, outputLink: () => 2, macOf: () => undefined };

function packet(port = 80, more: Partial<PacketSpec> = {}) {
  const carries: Carried = { kind: "tcp", sourcePort: 40000, destinationPort: port, flags: "syn" };
  const [source, destination] = [parseAddress("10.0.0.9"), parseAddress("172.17.0.2")];
  return makePacket({ source, destination, carries, ...more });
}

const around = (text: string, hook: HookName, more: Partial<Surroundings> = {}): Surroundings => ({
  namespace: namespace(HOST, "host", { links: LINKS, xtables: fromIptablesSave(text, 4) }),
  layer: "ip",
  hook,
  in: 2,
  packetType: 0,
  routes,
  ...more,
});

/** Of one table, at one hook. */
function ask(text: string, asked = packet(), hook: HookName = "input", more: Partial<Surroundings> = {}) {
  const here = around(text, hook, more);
  const [stage, ...others] = stagesOf(here.namespace, "ip", hook);
  assert.ok(stage && others.length === 0);
  return stage.run(asked, here);
}

const filter = (...rules: readonly string[]): string =>
  `*filter\n:INPUT DROP\n:A -\n:B -\n${rules.map((rule) => `-A ${rule}\n`).join("")}COMMIT\n`;

const met = (outcome: Outcome | undefined): string[] =>
  (outcome?.met ?? []).map(({ rule, does }) => {
    const number = rule.in === "xtables" && rule.number !== undefined ? ` ${rule.number}` : "";
    return `${rule.chain}${number}: ${does}`;
  });

const only = (outcomes: readonly Outcome[]): Outcome => {
  assert.equal(outcomes.length, 1);
  assert.ok(outcomes[0]);
  return outcomes[0];
};

describe("chains", () => {
  test("a jump comes back behind itself, a goto to whoever jumped", () => {
    const outcome = only(
      ask(filter("INPUT -j A", "INPUT -p tcp", "A -g B", "A -j ACCEPT", "B -j RETURN", "B -j ACCEPT")),
    );
    assert.deepEqual(met(outcome), [
      "INPUT 1: jump A",
      "A 1: goto B",
      "B 1: return",
      "INPUT 2: continue",
      "INPUT: policy drop",
    ]);
    assert.equal(outcome.verdict.do, "drop");
  });

  test("a return of a built-in chain is its policy", () => {
    assert.equal(only(ask(filter("INPUT -j RETURN", "INPUT -j ACCEPT"))).verdict.do, "drop");
  });

  test("what a rule writes, the next one reads", () => {
    const text = `*mangle\n-A INPUT -j MARK --set-mark 0x10\n-A INPUT -m mark --mark 0x10 -j DROP\nCOMMIT\n`;
    const outcome = only(ask(text));
    assert.equal(outcome.verdict.do, "drop");
    assert.equal(outcome.packet.mark, 0x10);
  });

  test("a target that nobody knows takes the packet out of what can be told", () => {
    const { verdict } = only(ask(filter("INPUT -j FANCY --so 3")));
    assert.equal(verdict.do, "elsewhere");
    assert.match(verdict.do === "elsewhere" ? verdict.how : "", /FANCY/);
  });
});

describe("what can't be decided", () => {
  test("goes both ways, each with what it assumes", () => {
    const outcomes = ask(filter("INPUT -m limit --limit 3/min -j ACCEPT", "INPUT -j REJECT"));
    assert.deepEqual(
      outcomes.map(({ verdict, assumptions }) => [verdict.do, ...assumptions]),
      [
        ["accept", 'the rate of "-m limit --limit 3/min" is not yet used up'],
        ["reject", 'the rate of "-m limit --limit 3/min" is already used up'],
      ],
    );
  });

  test("of a rule that only logs, does not matter", () => {
    const outcome = only(ask(filter("INPUT -m limit --limit 3/min -j LOG", "INPUT -j ACCEPT")));
    assert.deepEqual(outcome.assumptions, []);
  });

  test("is no question where another match says no", () => {
    const outcome = only(ask(filter("INPUT -p tcp -m limit --limit 3/min -m tcp --dport 81 -j ACCEPT")));
    assert.equal(outcome.verdict.do, "drop");
  });

  test("of what was before, is certain where it is only written down", () => {
    const outcome = only(ask(filter("INPUT -m recent --set --name x --rsource -j ACCEPT")));
    assert.deepEqual([outcome.verdict.do, outcome.assumptions], ["accept", []]);
  });

  test("nothing is assumed where both ways come to the same", () => {
    const outcome = only(ask(filter("INPUT -m recent --rcheck --name x -j ACCEPT", "INPUT -j ACCEPT")));
    assert.deepEqual([outcome.verdict.do, outcome.assumptions], ["accept", []]);
  });

  test("chance that is asked a hundred times has an end", () => {
    const rules = Array.from(
      { length: 100 },
      (_, i) => `INPUT -m statistic --mode random --probability 0.5 -j MARK --set-mark ${i}`,
    );
    const text = `*mangle\n${rules.map((rule) => `-A ${rule}\n`).join("")}COMMIT\n`;
    const outcomes = ask(text);
    assert.ok(outcomes.length > 1 && outcomes.length <= 64);
    assert.ok(outcomes.some(({ assumptions }) => assumptions.some((each) => each.includes("too often"))));
  });
});

describe("stages", () => {
  test("stand in the order of netfilter's priorities, and where their tables have chains", () => {
    const tables = ["security", "nat", "filter", "mangle", "raw"];
    const text = tables.map((table) => `*${table}\n-A OUTPUT -p tcp\nCOMMIT\n`).join("");
    const labels = (hook: HookName) =>
      stagesOf(around(text, hook).namespace, "ip", hook).map(
        ({ label, priority, type }) => `${label} ${priority} ${type}`,
      );
    assert.deepEqual(labels("output"), [
      "iptables raw OUTPUT -300 filter",
      "iptables mangle OUTPUT -150 route",
      "iptables nat OUTPUT -100 nat",
      "iptables filter OUTPUT 0 filter",
      "iptables security OUTPUT 50 filter",
    ]);
    assert.deepEqual(labels("forward"), []);
    const source = "*nat\n-A POSTROUTING -j MASQUERADE\n-A INPUT -j SNAT --to-source 192.0.2.1\nCOMMIT\n";
    for (const hook of ["postrouting", "input"] as const) {
      assert.deepEqual(
        stagesOf(around(source, hook).namespace, "ip", hook).map(({ priority }) => priority),
        [100],
      );
      assert.deepEqual(stagesOf(around(source, hook).namespace, "ip6", hook), []);
    }
  });
});

describe("translation", () => {
  const nat = (rule: string) => `*nat\n-A ${rule}\nCOMMIT\n`;
  const wish = (rule: string, hook: HookName, asked = packet()) => {
    const { translation } = only(ask(nat(rule), asked, hook));
    const { rule: _, ...rest } = translation ?? { rule: undefined };
    return rest;
  };

  test("says to what address and port", () => {
    const address = Uint8Array.of(172, 17, 0, 9);
    assert.deepEqual(wish("PREROUTING -p tcp -j DNAT --to-destination 172.17.0.9:8080", "prerouting"), {
      what: "destination",
      address,
      ports: [8080, 8080],
    });
    assert.deepEqual(wish("POSTROUTING -j SNAT --to-source 172.17.0.9", "postrouting"), {
      what: "source",
      address,
    });
    assert.deepEqual(wish("POSTROUTING -p tcp -j MASQUERADE --to-ports 1024-2000", "postrouting"), {
      what: "masquerade",
      ports: [1024, 2000],
    });
    assert.deepEqual(wish("OUTPUT -p tcp -j REDIRECT --to-ports 53", "output"), {
      what: "redirect",
      ports: [53, 53],
    });
  });

  test("shifts ports from a base, and maps networks bit by bit", () => {
    assert.deepEqual(
      wish(
        "PREROUTING -p tcp -j DNAT --to-destination 172.17.0.9:5000-5100/8000",
        "prerouting",
        packet(8003),
      ),
      { what: "destination", address: Uint8Array.of(172, 17, 0, 9), ports: [5003, 5003] },
    );
    assert.deepEqual(wish("PREROUTING -j NETMAP --to 192.168.8.0/21", "prerouting"), {
      what: "destination",
      address: Uint8Array.of(192, 168, 8, 2),
    });
  });

  test("of several addresses assumes one", () => {
    const rule = "PREROUTING -j DNAT --to-destination 172.17.0.2-172.17.0.9";
    const { assumptions } = only(ask(nat(rule), packet(), "prerouting"));
    assert.deepEqual(assumptions, ["of the addresses 172.17.0.2-172.17.0.9 the kernel takes the first"]);
  });
});

describe("text", () => {
  test("of rules is found again by their references", () => {
    const here = around(
      filter("INPUT -s 10.0.0.0/8 ! -i docker0 -p tcp -m tcp --dport 80 -j ACCEPT"),
      "input",
    );
    const topology = {
      readAt: 0,
      namespaces: new Map([[HOST, here.namespace]]),
      host: HOST,
      engines: [],
      unread: [],
    };
    const ref = { in: "xtables", namespace: HOST, family: 4, table: "filter", chain: "INPUT" } as const;
    const refs: readonly RuleRef[] = [{ ...ref, number: 1 }, ref, { ...ref, number: 7 }];
    assert.deepEqual(
      describeXt(refs, topology).map(({ text }) => text),
      ["-A INPUT -s 10.0.0.0/8 ! -i docker0 -p tcp -m tcp --dport 80 -j ACCEPT", "-P INPUT DROP", undefined],
    );
  });

  test("as people write it comes to what iptables-save(8) writes", () => {
    const said: Readonly<Record<string, string>> = {
      "INPUT -p tcp --dport 80": "-A INPUT -p tcp -m tcp --dport 80",
      "INPUT --protocol icmp --icmp-type echo-request": "-A INPUT -p icmp -m icmp --icmp-type 8",
      "INPUT -s 10.1.2.3/255.0.0.0 -j DROP": "-A INPUT -s 10.0.0.0/8 -j DROP",
      "INPUT -m comment --comment -dashes": "-A INPUT -m comment --comment -dashes",
      'INPUT -m comment --comment "say \\"so\\""': '-A INPUT -m comment --comment "say \\"so\\""',
      "INPUT -m set ! --match-set mine src,dst -j DROP": "-A INPUT -m set ! --match-set mine src,dst -j DROP",
      "INPUT -p tcp --syn": "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
      "INPUT -p tcp -j REJECT": "-A INPUT -p tcp -j REJECT --reject-with icmp-port-unreachable",
    };
    for (const [written, saved] of Object.entries(said)) {
      const [table] = fromIptablesSave(filter(written), 4);
      assert.ok(table);
      assert.equal(
        saveTable(table)
          .split("\n")
          .find((line) => line.startsWith("-A")),
        saved,
      );
    }
  });

  test("with counters keeps them", () => {
    const [table] = fromIptablesSave(
      "*filter\n:INPUT ACCEPT [5:300]\n[12:720] -A INPUT -j DROP\nCOMMIT\n",
      4,
    );
    assert.equal(table?.chains.get("INPUT")?.rules[0]?.packets, 12n);
  });

  test("that is wrong is refused with its line", () => {
    const wrong: Readonly<Record<string, RegExp>> = {
      [filter("INPUT -p tcp -m tcp --dport 70000")]: /line 5: -m tcp: 70000 is no number up to 65535/,
      [filter("INPUT -m tcp --colour red")]: /line 5: -m tcp: unknown option --colour/,
      [filter("NOWHERE -j DROP")]: /line 5: no such chain: NOWHERE/,
      [filter("INPUT -s 2001:db8::1")]: /is no IPv4 address/,
      [filter("INPUT -j A", "A -j B", "B -g A")]: /lead back/,
      [filter('INPUT -m comment --comment "open')]: /quote/,
      "*filter\n": /no COMMIT/,
      "*fancy\nCOMMIT\n": /no such table/,
      "-A INPUT -j DROP\n": /belongs to no table/,
    };
    for (const [text, message] of Object.entries(wrong))
      assert.throws(() => fromIptablesSave(text, 4), message);
  });
});

describe("extensions that nobody knows", () => {
  const here = around(filter(), "input");
  const stranger = { name: "stranger", revision: 3, info: new Uint8Array(8) };

  test("are unknown, and so are known ones whose structure is cut off or too new", () => {
    assert.equal(matchExtension(stranger, packet(), here), "unknown");
    assert.equal(matchExtension({ ...stranger, name: "tcp" }, packet(), here), "unknown");
    assert.equal(
      matchExtension({ name: "tcp", revision: 0, info: new Uint8Array(4) }, packet(), here),
      "unknown",
    );
    assert.equal(applyTarget({ ...stranger, name: "DNAT" }, packet(), here).next.do, "elsewhere");
  });
});
