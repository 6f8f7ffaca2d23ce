/** What is predicted is what happens: in a small internet, with this and that done to it at random. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { readTopology } from "../../src/observe/read.ts";
import type { Topology } from "../../src/observe/types.ts";
import { predict } from "../../src/trace/predict.ts";
import type { Flow, Path } from "../../src/trace/types.ts";
import { isolated } from "../support/isolated.ts";
import { ask, serve, sh } from "../support/probe.ts";
import { twist } from "./trace-random-twists.ts";
import { ADDRESSES, forgetNeighbours, HOST, makeWorld, PLACES, unmakeWorld } from "./trace-random-world.ts";

isolated(import.meta);

const SERVICES = ["80/tcp", "80/udp", "127.0.0.1:81/tcp"];
/** Milliseconds: an answer comes in one. */
const SILENCE = 150;

const question = fc.record({
  from: fc.constantFrom(...PLACES),
  address: fc.constantFrom(...ADDRESSES),
  protocol: fc.constantFrom("tcp", "udp"),
  port: fc.constantFrom(80, 80, 80, 8080, 8080, 81, 9),
});

function flowOf(topology: Topology, { from, address, protocol, port }: Question): Flow {
  const namespace = [...topology.namespaces.values()].find(({ host, name }) =>
    from === HOST ? host : name === from.name,
  );
  assert.ok(namespace);
  return {
    from: { label: from.name, namespace: namespace.id },
    to: { label: address },
    destination: parseAddress(address),
    protocol,
    port,
  };
}
type Question = typeof question extends fc.Arbitrary<infer T> ? T : never;

/** As a server would say it. */
function answerOf(topology: Topology, { outcome, hops }: Path): string | undefined {
  if (outcome !== "reached") return undefined;
  const taken = hops.find(({ event, direction }) => direction === "there" && event.kind === "local");
  const namespace = taken && topology.namespaces.get(taken.namespace);
  return taken && `${namespace?.host ? "host" : namespace?.name} from ${formatAddress(taken.packet.source)}`;
}

async function holds(asked: Question): Promise<void> {
  const topology = forgetNeighbours(await readTopology({ engines: [] }));
  const { paths, outcome } = predict(topology, flowOf(topology, asked));
  const predicted = paths.map((path) => answerOf(topology, path));
  const real = await ask(asked.from, asked, SILENCE);
  const why = paths.map(({ reason }) => reason?.text ?? "it arrives").join("; ");
  const about = `${asked.from.name} to ${asked.address} port ${asked.port} by ${asked.protocol}: ${why}`;
  // Where it is unsure, what happens is one of the ways.
  if (outcome === "unsure") assert.ok(predicted.includes(real), `${about}; really ${real}`);
  else assert.deepEqual(new Set(predicted), new Set([real]), about);
}

let served = false;

test("five times ten packets", async () => {
  const world = fc.record({
    twists: fc.array(twist, { minLength: 1, maxLength: 6 }),
    questions: fc.array(question, { minLength: 10, maxLength: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(world, async ({ twists, questions }) => {
      try {
        makeWorld();
        for (const command of twists) sh(`{ ${command}; } >/dev/null 2>&1 || true`);
        for (const place of PLACES) if (place !== HOST || !served) await serve(place, ...SERVICES);
        served = true;
        for (const asked of questions) await holds(asked);
      } finally {
        unmakeWorld();
      }
    }),
    { numRuns: 5, seed: 20_261_121 },
  );
});
