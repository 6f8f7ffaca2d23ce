/** Drawbridge's own tables as a kernel holds them, changed in this way and that: what the doctor says of it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { beforeEach, describe, test } from "node:test";
import { changedRules } from "../../src/doctor/checks/changed-rules.ts";
import { firewalldZone } from "../../src/doctor/checks/firewalld-zone.ts";
import { ownElements } from "../../src/doctor/checks/own-elements.ts";
import { readBack } from "../../src/doctor/tools/read-back.ts";
import type { Check } from "../../src/doctor/types.ts";
import { parseAddress, parseMac, parsePrefix } from "../../src/lib/ip.ts";
import { packageVersion } from "../../src/lib/version.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../src/linux/netlink/socket.ts";
import { readRuleset } from "../../src/linux/nftables/read-ruleset.ts";
import type { Elements } from "../../src/network/firewall/elements.ts";
import { loadRules } from "../../src/network/firewall/rules.ts";
import type { EngineEndpoint } from "../../src/observe/engines/types.ts";
import { type Changes, lab, look, said } from "../support/doctor-lab.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const nft = (words: string) => execFileSync("nft", ["-f", "-"], { input: words });
const ofKernel = () => {
  const socket = new NetlinkSocket(NETLINK_NETFILTER);
  try {
    return readRuleset(socket);
  } finally {
    socket.close();
  }
};

const endpoint = (ip: string, mac: string): EngineEndpoint => ({
  network: "bridge",
  networkId: "net1",
  addresses: [parsePrefix(`${ip}/16`)],
  gateways: [],
  mac: parseMac(mac),
  aliases: [],
});
const WEB = endpoint("172.17.0.2", "02:42:ac:11:00:02");

/** What the engine loads for web alone, with port 8080 of every address and 99/udp of one. */
const ELEMENTS: Elements = {
  bridges: [[{ ifname: "docker0" }]],
  icc: [[{ ifname: "docker0" }, { ifname: "docker0" }]],
  ports: [[{ ifname: "vethweb" }]],
  owners4: [
    [{ ifname: "vethweb" }, { mac: parseMac("02:42:ac:11:00:02") }, { address: parseAddress("172.17.0.2") }],
    [{ ifname: "vethdb" }, { mac: parseMac("02:42:ac:11:00:03") }, { address: parseAddress("172.17.0.3") }],
  ],
  published4_any: [
    {
      key: [{ protocol: 6 }, { port: 8080 }],
      value: [{ address: parseAddress("172.17.0.2") }, { port: 80 }],
    },
  ],
  published4: [
    {
      key: [{ protocol: 17 }, { address: parseAddress("203.0.113.2") }, { port: 99 }],
      value: [{ address: parseAddress("172.17.0.2") }, { port: 9 }],
    },
  ],
};

async function findings(check: Check, version = packageVersion()): Promise<readonly string[]> {
  const changes: Changes = {
    host: (of) => ({ ...of, xtables: [], nft: ofKernel() }),
    engine: { kind: "drawbridge", version },
    webContainer: {
      engine: "drawbridge",
      endpoints: [WEB],
      ports: [
        { protocol: "tcp", containerPort: 80, host: { port: 8080 } },
        { protocol: "udp", containerPort: 9, host: { port: 99, address: parseAddress("203.0.113.2") } },
      ],
    },
  };
  const topology = lab(changes);
  const found = await look(check, topology, { readBack });
  return found.flatMap((one) => [...said([one]), ...one.evidence]);
}

beforeEach(() => nft(`flush ruleset\n${loadRules(ELEMENTS)}`));

describe("rules", () => {
  test("as they were made are in order, whatever is in the sets", async () => {
    assert.deepEqual(await findings(changedRules), []);
  });

  test("one taken away, one added, and a policy", async () => {
    nft("flush chain inet drawbridge martians");
    nft("add rule bridge drawbridge-guard input counter accept");
    nft("add chain inet drawbridge forward { policy drop; }");
    const [first, ...evidence] = await findings(changedRules);
    assert.equal(first, "broken: 4 things are not as Drawbridge made them in table inet drawbridge");
    assert.deepEqual(evidence.slice(0, 4).toSorted(), [
      "chain inet drawbridge forward: type filter hook forward priority 0; policy drop (should be: type filter hook forward priority 0; policy accept)",
      'chain inet drawbridge martians misses: iifname "lo" accept',
      "chain inet drawbridge martians misses: ip daddr 127.0.0.0/8 drop",
      "chain inet drawbridge martians misses: ip saddr 127.0.0.0/8 drop",
    ]);
    assert.equal(evidence[4], "risk: a thing is not as Drawbridge made it in table bridge drawbridge-guard");
    assert.match(evidence[5] ?? "", /^added: rule bridge drawbridge-guard input handle \d+/);
  });

  test("in another order", async () => {
    nft(`flush chain inet drawbridge martians
add rule inet drawbridge martians ip saddr 127.0.0.0/8 drop
add rule inet drawbridge martians ip daddr 127.0.0.0/8 drop
add rule inet drawbridge martians iifname "lo" accept`);
    assert.deepEqual(await findings(changedRules), [
      "risk: a thing is not as Drawbridge made it in table inet drawbridge",
      "chain inet drawbridge martians: its rules stand in another order",
    ]);
  });

  test("in a set without a name", async () => {
    nft(`flush chain bridge drawbridge-guard from_icmp6
add rule bridge drawbridge-guard from_icmp6 icmpv6 type { nd-router-advert } drop`);
    assert.match((await findings(changedRules))[0] ?? "", /^broken: 6 things/);
  });

  test("of another version are not judged", async () => {
    nft("flush chain inet drawbridge martians");
    assert.deepEqual(await findings(changedRules, "99.0.0"), []);
  });
});

describe("elements", () => {
  test("of who is there, and of nobody else", async () => {
    assert.deepEqual(await findings(ownElements), []);
  });

  test("that are missing", async () => {
    nft(`delete element bridge drawbridge-guard owners4 { "vethweb" . 02:42:ac:11:00:02 . 172.17.0.2 }
delete element inet drawbridge published4 { udp . 203.0.113.2 . 99 }`);
    assert.deepEqual(await findings(ownElements), [
      "broken: container web can't send: the engine's spoof guard does not know 172.17.0.2",
      '@owners4 has no "vethweb" . 02:42:ac:11:00:02 . 172.17.0.2',
      "broken: port 99/udp of web is published, and the engine's sets do not lead there",
      "neither @published4 nor @published4_any has 203.0.113.2:99 -> 9/udp",
    ]);
  });

  test("of links and containers that are gone", async () => {
    nft(`add element inet drawbridge bridges { "br-gone" }
add element inet drawbridge published4_any { tcp . 81 : 172.17.0.77 . 80 }`);
    assert.deepEqual(await findings(ownElements), [
      "note: Drawbridge's sets speak of a link that is gone: br-gone",
      '@bridges: "br-gone" …',
      "risk: published ports lead to 172.17.0.77, which no container has",
      "@published4_any: … : 172.17.0.77 . …",
    ]);
  });
});

test("a bridge of Docker's that firewalld knows, in a rule or a map, or not", async () => {
  const found = async () =>
    said(await look(firewalldZone, lab({ host: (of) => ({ ...of, nft: ofKernel() }) })));
  const zones = (rule: string) =>
    nft(`flush ruleset
table inet firewalld {
  chain filter_IN_docker { accept; }
  chain zones {
    ${rule}
  }
}`);
  zones('iifname "docker0" goto filter_IN_docker');
  assert.deepEqual(await found(), []);
  zones('iifname vmap { "docker0" : goto filter_IN_docker }');
  assert.deepEqual(await found(), []);
  zones('iifname "eth0" accept');
  assert.deepEqual(await found(), [
    "risk: firewalld has docker0 in no zone: what goes from and to containers there is judged by the default zone",
  ]);
});
