/** Ways to a published port that end on the host: what is said of them, walked through rules as iptables-save(8) prints them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { caseOfPath } from "../../src/trace/fixes/case.ts";
import { explain } from "../../src/trace/fixes/fixes.ts";
import type { Explanation } from "../../src/trace/fixes/types.ts";
import { predict } from "../../src/trace/predict.ts";
import type { Flow } from "../../src/trace/types.ts";
import { dockersAnd, HOST, lab } from "../support/doctor-lab.ts";
import { listening, PUBLISHED } from "./doctor-cases.ts";
import { only } from "./doctor-host.ts";

const LED = "-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80";

function explained(
  flow: Pick<Flow, "from" | "destination"> & Partial<Flow>,
  rules: { nat?: string; filter?: string },
): Explanation {
  const topology = lab({
    host: only({ xtables: dockersAnd(rules) }),
    web: only({ sockets: [listening(80)] }),
    webContainer: PUBLISHED,
  });
  const whole: Flow = { to: { label: "web" }, protocol: "tcp", port: 8080, ...flow };
  const [path] = predict(topology, whole).paths;
  assert.ok(path?.reason, "it gets through");
  return explain(caseOfPath(topology, whole, path, path.reason));
}

test("led to its container by the engine's own rule, and dropped by another of its rules", () => {
  const { at, why, fixes } = explained(
    {
      from: { label: "outside" },
      source: parseAddress("203.0.113.1"),
      destination: parseAddress("203.0.113.2"),
      enters: { namespace: HOST, ifindex: 2 },
    },
    { nat: LED, filter: "-A FORWARD -j DOCKER\n-A DOCKER ! -i docker0 -o docker0 -j DROP" },
  );
  assert.equal(at, "docker's rules");
  assert.equal(why, "port 8080/tcp is led to web, and the rule that lets it in there is missing");
  assert.deepEqual(
    fixes.map(({ command }) => command),
    ["docker restart web"],
  );
});

test("from the host's own loopback, which the bridge does not let out", () => {
  const { at, why, fixes } = explained(
    { from: { label: "host", namespace: HOST }, destination: parseAddress("127.0.0.1") },
    { nat: `-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER\n${LED}` },
  );
  assert.equal(at, "route_localnet of docker0");
  assert.match(why, /what comes from 127\.0\.0\.0\/8 leaves by docker0 only with/);
  assert.deepEqual(
    fixes.map(({ command }) => command),
    ["sysctl -w net.ipv4.conf.docker0.route_localnet=1"],
  );
});
