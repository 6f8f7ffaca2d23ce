/** A packet that ended, and what is said of it. */
import assert from "node:assert/strict";
import { parseAddress } from "../../src/lib/ip.ts";
import type { NamespaceId, Topology } from "../../src/observe/types.ts";
import { reportOf } from "../../src/trace/report/report.ts";
import type { DropReason, Event, Flow, Hop, Path, RuleRef } from "../../src/trace/types.ts";
import { DB, HOST, sight, tapHop, WEB, world } from "./trace-world.ts";

export interface Given {
  readonly from?: [string, NamespaceId];
  readonly to?: [string, NamespaceId];
  /** `source > destination` as it was when it ended. */
  readonly packet?: string;
  readonly asked?: { readonly destination: string; readonly port?: number };
  readonly at?: NamespaceId;
  readonly reason: DropReason;
  readonly direction?: Hop["direction"];
  readonly topology?: Topology;
  readonly link?: [number, string];
}

export const bare = (code: DropReason["code"], text = `it is ${code}`): DropReason => ({ code, text });
export const byRule = (rule: RuleRef): DropReason => ({ code: "rule", text: "a rule drops it", rule });

/** The verdict on a packet of web's that ended so. */
export function verdictOn(given: Given) {
  const [fromLabel, from] = given.from ?? ["web", WEB];
  const [toLabel, to] = given.to ?? ["db", DB];
  const packet = sight(given.packet ?? "10.1.0.2:40000 > 10.2.0.2:80");
  const { destination = "10.2.0.2", port } = given.asked ?? {};
  const asked = port ?? packet.destinationPort;
  const flow: Flow = {
    from: { label: fromLabel, namespace: from },
    to: { label: toLabel, namespace: to },
    destination: parseAddress(destination),
    protocol: asked === undefined ? "icmp" : "tcp",
    ...(asked !== undefined && { port: asked }),
  };
  const at = given.at ?? HOST;
  const direction = given.direction ?? "there";
  const event: Event = { kind: "drop", reason: given.reason };
  const [ifindex, name] = given.link ?? [3, "br-net-a"];
  const path: Path = {
    hops: [tapHop("in", at, ifindex, name, packet, direction), { namespace: at, event, packet, direction }],
    outcome: "dropped",
    reason: given.reason,
    assumptions: [],
  };
  const { verdict } = reportOf(given.topology ?? world(), {
    flow,
    paths: [path],
    outcome: "dropped",
    unsure: [],
  });
  assert.equal(verdict.outcome, "not reached");
  return verdict;
}

export function expect(given: Given, sentence: RegExp, ...commands: readonly string[]): void {
  const verdict = verdictOn(given);
  assert.match(verdict.sentence, sentence);
  assert.deepEqual(
    verdict.fixes.map(({ command }) => command),
    commands,
  );
}
