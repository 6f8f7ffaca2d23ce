/** Set-ups that look odd and are right: nothing false is said of them. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { withoutRoot } from "../support/root.ts";
import { HEALTHY, HEALTHY_SCENE, type Healthy } from "../support/setups-healthy.ts";
import { SetupsHost } from "../support/setups-host.ts";
import { isHealthy } from "../support/setups-run.ts";

describe("healthy set-ups", { skip: withoutRoot }, () => {
  let host: SetupsHost | undefined;
  before(async () => {
    host = await SetupsHost.create(HEALTHY_SCENE, { frozen: false });
  });
  after(() => host?.[Symbol.asyncDispose]());

  for (const setup of HEALTHY)
    test(setup.title, () => {
      assert.ok(host);
      return nothingFalse(host, setup);
    });
});

async function nothingFalse(host: SetupsHost, { made, traces, undone }: Healthy): Promise<void> {
  await host.do(made);
  try {
    await isHealthy(host, "the doctor");
    for (const [asked, code] of Object.entries(traces)) await comesTrue(host, asked, code);
  } finally {
    await host.do(undone);
  }
}

/** It ends as it should, and neither the sentence nor a line of the table says that it was predicted otherwise. */
async function comesTrue(host: SetupsHost, asked: string, code: number): Promise<void> {
  const answer = await host.ask(`drawbridge trace ${asked}`);
  const { verdict, rows }: { verdict: { sentence: string }; rows: readonly { agree: string }[] } = JSON.parse(
    answer.out || "{}",
  );
  assert.equal(answer.code, code, `trace ${asked}: ${verdict?.sentence ?? answer.err}`);
  assert.doesNotMatch(verdict.sentence, /the prediction was another/);
  const surprises = rows.filter(({ agree }) => agree === "seen only" || agree === "predicted only");
  assert.deepEqual(surprises, [], `trace ${asked}`);
}
