/** Causes as other engines make them: podman's internal networks and its hairpins. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Namespace } from "../../src/observe/types.ts";
import { reportOf } from "../../src/trace/report/report.ts";
import type { Flow, Path } from "../../src/trace/types.ts";
import { bare, expect } from "./trace-ended.ts";
import { HOST, network, sight, WEB, world } from "./trace-world.ts";

/** The world's host, a little otherwise. */
function hostWith(change: (host: Namespace) => Partial<Namespace>): Namespace {
  const host = world().namespaces.get(HOST);
  assert.ok(host);
  return { ...host, ...change(host) };
}

test("an internal network whose bridge does not forward", () => {
  const networks = [network("net-a", "10.1.0.0/24", { internal: true }), network("net-b", "10.2.0.0/24")];
  expect(
    { reason: bare("not-forwarding"), topology: world({ networks }), link: [3, "br-net-a"] },
    /at internal network net-a: net-a has no way out/,
    "drawbridge network connect net-b web",
  );
});

test("a link that does not forward where the machine does has its own setting", () => {
  const host = hostWith(() => ({ sysctls: new Map([["net.ipv4.ip_forward", "1"]]) }));
  expect(
    { reason: bare("not-forwarding"), topology: world({ namespaces: [host] }), link: [3, "br-net-a"] },
    /^dropped in namespace host at forwarding/,
    "sysctl -w net.ipv4.conf.br-net-a.forwarding=1",
  );
});

test("a container that is led back to itself, by a port that is not in hairpin mode", () => {
  const port = {
    state: 3,
    hairpin: false,
    isolated: false,
    learning: true,
    unicastFlood: true,
    neighSuppress: false,
  };
  const host = hostWith(({ links }) => ({
    links: links.map((link) => (link.name === "veth-web" ? { ...link, port } : link)),
  }));
  expect(
    {
      to: ["web", WEB],
      packet: "10.1.0.2:40000 > 10.1.0.2:80",
      reason: bare("port-state"),
      topology: world({ namespaces: [host] }),
    },
    /at hairpin mode of the bridge port veth-web/,
    "bridge link set dev veth-web hairpin on",
  );
});

test("who may not look at the rules is told so in few words", () => {
  const packet = sight("10.1.0.2 > 10.2.0.2");
  const flow: Flow = {
    from: { label: "web", namespace: WEB },
    to: { label: "db" },
    destination: packet.destination,
    protocol: "icmp",
  };
  const path: Path = { hops: [], outcome: "reached", assumptions: [] };
  const unsure = [
    "rules can't be read: dump (EPERM)",
    "settings can't be read: open (EACCES)",
    "an XDP program",
  ];
  const { verdict } = reportOf(world(), { flow, paths: [path], outcome: "unsure", unsure });
  assert.equal(
    verdict.sentence,
    "unsure: it is reached; or an XDP program, as far as this user may look: 2 parts are for root alone",
  );
});
