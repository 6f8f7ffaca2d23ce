/** Cases of packets that don't arrive, over two containers on one bridge. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DropReason, Flow } from "../../src/trace/types.ts";
import { type Place, twoContainers } from "../support/topologies.ts";
import { flowFrom, onlyPath, predicted, RULE, type Rules } from "../support/walks.ts";

type Scene = ReturnType<typeof twoContainers>;

/** What is sent from db, to web unless told. */
export interface Case {
  readonly name: string;
  readonly code: DropReason["code"];
  readonly text: RegExp;
  readonly to?: string;
  readonly flow?: Partial<Flow>;
  readonly tracked?: boolean;
  /** The two know each other's MAC addresses. */
  readonly met?: boolean;
  breaks?(scene: Scene): unknown;
  rules?(scene: Scene): readonly Rules[];
}

export const drop = (of: Place, at: Rules["at"]): Rules => ({
  of,
  at,
  run: () => ({ verdict: { do: "drop", by: RULE } }),
});

export function endsAsSaid(about: string, cases: readonly Case[]): void {
  describe(about, () => {
    for (const { name, code, text, breaks, rules, to = "172.17.0.2", flow, tracked, met } of cases) {
      test(name, () => {
        const scene = twoContainers();
        if (met) scene.db.neighbour("eth0", "172.17.0.2", "02:42:ac:11:00:02");
        breaks?.(scene);
        const asked = flowFrom(scene.db, to, flow);
        const prediction = predicted(scene.machine, asked, rules?.(scene), tracked ? [scene.web] : []);
        const path = onlyPath(prediction);
        assert.equal(prediction.outcome, "dropped");
        assert.match(path.reason?.text ?? "", text);
        assert.equal(path.reason?.code, code);
        assert.ok(path.hops.some(({ event }) => event.kind === "drop"));
      });
    }
  });
}
