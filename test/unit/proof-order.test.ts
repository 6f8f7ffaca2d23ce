/** What rules say has no time of its own: it is put where its hook lies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import type { Drop } from "../../src/linux/bpf/drops.ts";
import type { TraceMessage } from "../../src/linux/nftables/trace-message.ts";
import { TRACING } from "../../src/linux/nftables/trace-table.ts";
import type { Namespace, NamespaceId } from "../../src/observe/types.ts";
import { withoutCopies } from "../../src/trace/prove/copies.ts";
import { inOrder, type Observations } from "../../src/trace/prove/order.ts";
import { makeProbe } from "../../src/trace/prove/probe.ts";
import type { Seen } from "../../src/trace/types.ts";

const flow = {
  from: { label: "a" },
  to: { label: "b" },
  destination: parseAddress("10.0.0.3"),
  protocol: "tcp",
  port: 80,
} as const;
const chance = { magic: Uint8Array.of(1, 2, 3, 4), echo: new Uint8Array(4) };
const { packet, marks } = makeProbe(flow, chance, parseAddress("10.0.0.2"), 40_000);

const hook = (name: string, hook: string) => [name, { name, base: { hook } }] as const;
const chains = new Map([hook("pre", "prerouting"), hook("post", "postrouting"), hook("out", "output")]);
const namespace = {
  id: 5 as NamespaceId,
  links: [
    { ifindex: 1, name: "in0" },
    { ifindex: 2, name: "out0", master: 9 },
    { ifindex: 3, name: "out1", master: 9, other: { namespace: 77 } },
  ],
  nft: { tables: [{ family: "inet", name: "f", chains }] },
} as unknown as Namespace;

type Frame = Observations["frames"][number];
const frame = (at: bigint, ifindex: number, way: "in" | "out"): Frame => ({
  kind: "frame",
  at,
  ifindex,
  way,
  packet,
  meaning: "probe",
  namespace,
});
const drop = (at: bigint, where: object = { namespace: 5, ifindex: 1 }) =>
  ({
    at,
    reason: "NETFILTER_DROP",
    location: 0n,
    pattern: 0,
    meaning: "probe",
    inFunction: "nf",
    ...where,
  }) as Drop & {
    meaning: "probe";
    inFunction: string;
  };

/** Messages of one chain: the first has the packet's headers. */
function pass(chain: string, links: Pick<TraceMessage, "in" | "out">, ...handles: readonly number[]) {
  const headers = { network: packet.bytes.slice(0, 40), transport: packet.bytes.slice(20, 40) };
  return handles.map((handle, i) => {
    const message: TraceMessage = {
      id: 1,
      family: "inet",
      table: "f",
      chain: i === 0 ? chain : "deeper",
      type: "rule",
      handle,
      verdict: { code: "accept" },
      ...(i === 0 && { ...links, ...headers }),
    };
    return { namespace, message };
  });
}

const words = (seen: readonly Seen[]) =>
  seen.map((one) => {
    if (one.kind === "tap") return `${one.way} ${one.name}`;
    if (one.kind === "rule") return `${one.hook} ${one.rule.in === "nft" && one.rule.handle}`;
    return one.kind;
  });

test("between the links of their hooks, whenever they were heard", () => {
  const frames = [frame(20n, 2, "out"), frame(10n, 1, "in")];
  const traces = [...pass("pre", { in: 1 }, 1, 2), ...pass("post", { out: 2 }, 3)];
  const seen = inOrder({ frames, traces, drops: [] }, marks, 5n);
  assert.deepEqual(words(seen), ["in in0", "prerouting 1", "prerouting 2", "postrouting 3", "out out0"]);
  assert.deepEqual(
    seen.map(({ at }) => at),
    [10n, 10n, 10n, 20n, 20n],
  );
});

test("before the drop that they are the cause of", () => {
  const seen = inOrder(
    { frames: [frame(10n, 1, "in")], traces: pass("pre", { in: 1 }, 1), drops: [drop(12n)] },
    marks,
    5n,
  );
  assert.deepEqual(words(seen), ["in in0", "prerouting 1", "drop"]);
});

test("of what no link saw, before its drop, or at the beginning", () => {
  const traces = pass("out", { out: 2 }, 1);
  assert.deepEqual(words(inOrder({ frames: [], traces, drops: [drop(12n)] }, marks, 5n)), [
    "output 1",
    "drop",
  ]);
  const [only] = inOrder({ frames: [], traces, drops: [] }, marks, 5n);
  assert.equal(only?.at, 5n);
});

test("tracing itself is not told of, nor other packets", () => {
  const ours = pass("prerouting", { in: 1 }, 1).map(({ message }) => ({
    namespace,
    message: { ...message, table: `${TRACING}1` },
  }));
  const others = pass("pre", { in: 1 }, 1).map(({ message }) => ({
    namespace,
    message: { ...message, transport: new Uint8Array(20) },
  }));
  const seen = inOrder({ frames: [], traces: [...ours, ...others], drops: [] }, marks, 5n);
  assert.deepEqual(seen, []);
});

test("a drop at no link is where the packet was last seen", () => {
  const [, lost] = inOrder({ frames: [frame(10n, 1, "in")], traces: [], drops: [drop(12n, {})] }, marks, 5n);
  assert.equal(lost?.namespace, namespace.id);
});

test("of what a bridge floods, what leads on is kept", () => {
  const watched = [{ namespace }];
  const names = (frames: readonly Frame[]) => withoutCopies(frames, watched).map(({ ifindex }) => ifindex);
  assert.deepEqual(names([frame(1n, 1, "in"), frame(2n, 2, "out"), frame(2n, 3, "out")]), [1, 2]);
  assert.deepEqual(names([frame(1n, 1, "in"), frame(2n, 3, "out")]), [1, 3]);
});
