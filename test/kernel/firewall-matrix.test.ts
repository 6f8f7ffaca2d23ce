/** Who reaches whom, each cell with real traffic, by both families, whatever `bridge-nf-call-iptables` says. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { isolated } from "../support/isolated.ts";
import { cells, tcpCells, wrongIn } from "../support/matrix.ts";
import { enter, matrixParties, modes } from "./matrix-lab.ts";

isolated(import.meta);

const parties = await matrixParties();

for (const mode of modes) {
  for (const family of [4, 6] as const) {
    describe(`IPv${family}, bridge-nf-call-iptables=${mode}`, { concurrency: true }, () => {
      before(() => enter(mode));
      for (const protocol of ["tcp", "udp"] as const) {
        for (const [name, of] of Object.entries(
          protocol === "tcp" ? { ...cells(parties), ...tcpCells(parties) } : cells(parties),
        )) {
          test(`${protocol}: ${name}`, async () => {
            const wrong = await Promise.all(of(family).map((cell) => wrongIn(protocol, cell)));
            assert.deepEqual(wrong.flat(), []);
          });
        }
      }
    });
  }
}
