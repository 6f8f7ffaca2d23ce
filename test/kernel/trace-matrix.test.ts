/** Who reaches whom, as predicted: of the same table that firewall-matrix.test.ts holds real traffic to. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { readTopology } from "../../src/observe/read.ts";
import type { Topology } from "../../src/observe/types.ts";
import { predict } from "../../src/trace/predict.ts";
import type { Flow, Path } from "../../src/trace/types.ts";
import { isolated } from "../support/isolated.ts";
import { type Cell, cells, tcpCells } from "../support/matrix.ts";
import type { Place } from "../support/probe.ts";
import { enter, matrixParties, modes } from "./matrix-lab.ts";

isolated(import.meta);

const parties = await matrixParties();

/** The host is where the test is. */
const namespaceOf = (topology: Topology, { name, netns }: Place) =>
  [...topology.namespaces.values()].find((each) => (netns === undefined ? each.host : each.name === name));

function flowOf(topology: Topology, protocol: "tcp" | "udp", [asker, address, port]: Cell): Flow {
  const namespace = namespaceOf(topology, asker);
  assert.ok(namespace, `${asker.name} is in the topology`);
  return {
    from: { label: asker.name, namespace: namespace.id },
    to: { label: address },
    destination: parseAddress(address),
    protocol,
    port,
  };
}

/** As a server would say it: who was asked, and by which address. */
function answerOf(topology: Topology, { outcome, hops }: Path): string | undefined {
  if (outcome !== "reached") return undefined;
  const taken = hops.find(({ event, direction }) => direction === "there" && event.kind === "local");
  const namespace = taken && topology.namespaces.get(taken.namespace);
  return taken && `${namespace?.host ? "host" : namespace?.name} from ${formatAddress(taken.packet.source)}`;
}

/** What is not as the cell says; for whoever reads it, why it was predicted so. */
function wrong(topology: Topology, protocol: "tcp" | "udp", cell: Cell): string[] {
  const [asker, address, port, answer] = cell;
  const { outcome, paths, unsure } = predict(topology, flowOf(topology, protocol, cell));
  const about = `${asker.name} to ${address} port ${port}`;
  if (outcome === "unsure") return [`${about}: unsure, ${unsure.join("; ")}`];
  return paths
    .map((path) => ({ said: answerOf(topology, path), why: path.reason?.text ?? "" }))
    .filter(({ said }) => said !== answer)
    .map(({ said, why }) => `${about}: ${said}, not ${answer}: ${why}`);
}

for (const mode of modes) {
  describe(`predicted with bridge-nf-call-iptables=${mode}`, () => {
    let topology: Topology;
    before(async () => {
      enter(mode);
      topology = await readTopology({ engines: [] });
    });
    for (const family of [4, 6] as const) {
      for (const protocol of ["tcp", "udp"] as const) {
        for (const [name, of] of Object.entries(
          protocol === "tcp" ? { ...cells(parties), ...tcpCells(parties) } : cells(parties),
        )) {
          test(`IPv${family}, ${protocol}: ${name}`, () => {
            assert.deepEqual(
              of(family).flatMap((cell) => wrong(topology, protocol, cell)),
              [],
            );
          });
        }
      }
    }
  });
}
