/** What a container may be called, and what one is called that was not named. */
import { randomInt } from "node:crypto";
import { conflict, invalid } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";

const ADJECTIVES = (
  "able airy amber ample arched bold braced brave bright brisk broad calm civil clear coastal cosmic crisp " +
  "curious deft eager early easy even fair famous fast fluent fond frank fresh gentle glad golden grand happy " +
  "hardy honest humble ideal jolly keen kind level light lively lofty loyal lucid mellow merry mighty modest " +
  "neat nimble noble open patient plain polite proud quick quiet ready robust rustic serene sharp shiny silver " +
  "sleek smooth sober solid spry stable steady still stout sturdy sunny swift tall tidy upright vivid warm wide wise"
).split(" ");

/** Parts of bridges, and waters that bridges cross. */
const NOUNS = (
  "abutment anchor arch bascule beam bow cable canal cantilever causeway chain channel crossing culvert deck delta " +
  "drawbridge eddy estuary ferry fjord footbridge ford gate girder gorge gully harbour haven hinge inlet joist " +
  "keystone landing ledge lever link lock moat parapet pier pile pillar plank pontoon portal post pulley pylon " +
  "quay railing ramp ravine rib ripple river rivet rope saddle shore sluice span spandrel spillway spring strait " +
  "stream strut tide toll tower trestle truss viaduct walkway water weir wharf winch"
).split(" ");

const pick = (words: readonly string[]): string => words[randomInt(words.length)] ?? "bridge";

/** A name of two words, and a number once `attempt` shows that those are getting scarce. */
function generateName(attempt: number): string {
  const name = `${pick(ADJECTIVES)}_${pick(NOUNS)}`;
  return attempt < 3 ? name : `${name}${randomInt(10 ** Math.min(attempt - 2, 9))}`;
}

/** The name without its slash. @throws invalid in Docker's words */
export function checkName(name: string): string {
  const bare = name.replace(/^\//, "");
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(bare)) {
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return bare;
}

/** Who holds which name; a name is held from before its container is made until after it is gone. */
export class Names {
  readonly #holders = new Map<string, ContainerID>();

  holderOf(name: string): ContainerID | undefined {
    return this.#holders.get(name);
  }

  /** @throws conflict in Docker's words */
  reserve(name: string, id: ContainerID): void {
    const holder = this.#holders.get(name);
    if (holder !== undefined && holder !== id) {
      throw conflict(
        `Conflict. The container name "/${name}" is already in use by container "${holder}". ` +
          "You have to remove (or rename) that container to be able to reuse that name.",
      );
    }
    this.#holders.set(name, id);
  }

  /** A generated name, held. */
  reserveGenerated(id: ContainerID): string {
    for (let attempt = 0; ; attempt += 1) {
      const name = generateName(attempt);
      if (this.#holders.has(name)) continue;
      this.#holders.set(name, id);
      return name;
    }
  }

  /** Let go of a name, where it is this container's. */
  release(name: string, id: ContainerID): void {
    if (this.#holders.get(name) === id) this.#holders.delete(name);
  }
}
