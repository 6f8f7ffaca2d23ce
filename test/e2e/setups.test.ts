/** Each broken set-up of the table is made, is broken, is told, is mended as told, and leaves nothing that the doctor would tell. */
import { after, describe, test } from "node:test";
import { withoutRoot } from "../support/root.ts";
import { SECTIONS, type Section } from "../support/setups.ts";
import { SetupsHost } from "../support/setups-host.ts";
import { isHealthy, tryOut } from "../support/setups-run.ts";

describe("broken set-ups", { skip: withoutRoot, concurrency: true }, () => {
  for (const section of SECTIONS) describe(section.title, { concurrency: 1 }, () => trySection(section));
});

function trySection({ scene, frozen, setups }: Section): void {
  let host: SetupsHost | undefined;
  const made = async (): Promise<SetupsHost> => {
    host ??= await SetupsHost.create(scene, { frozen });
    return host;
  };
  const unmade = async (): Promise<void> => {
    await host?.[Symbol.asyncDispose]();
    host = undefined;
  };
  after(unmade);

  test("at first, nothing is wrong", async () => isHealthy(await made(), "at first"));
  for (const setup of setups)
    test(setup.title, async () => {
      try {
        await tryOut(await made(), setup);
      } catch (error) {
        // Who knows what is left of it: the next one gets a new host.
        await unmade();
        throw error;
      }
    });
}
