/** Steps that change the firewall: nft commands, and elements of its sets. */
import { asError } from "../../lib/errors.ts";
import { KernelError } from "../ffi.ts";
import { addElements, bySet, deleteElements, TRANSACTION, touchSet } from "../nftables/element.ts";
import type { Fact, SetElement, StepOf } from "../plan.ts";
import type { Scope } from "../scope.ts";

const ENOENT = 2;

export function nft(step: StepOf<"nft">, scope: Scope): Fact {
  scope.home.nft.run(step.about, step.add);
  scope.undo(step.about, () => {
    if (step.remove !== "") scope.home.nft.run(step.about, step.remove);
  });
  return {};
}

export function giveElements({ about, elements }: StepOf<"add-elements">, scope: Scope): Fact {
  const { netfilter } = scope.home;
  netfilter.batch(addElements(about, elements), TRANSACTION);
  scope.undo(about, () => netfilter.batch(deleteElements(about, elements), TRANSACTION));
  return {};
}

export function takeElements({ about, elements }: StepOf<"delete-elements">, scope: Scope): Fact {
  const { netfilter } = scope.home;
  netfilter.batch(deleteElements(about, elements), TRANSACTION);
  scope.undo(about, () => netfilter.batch(addElements(about, elements), TRANSACTION));
  return {};
}

/**
 * Delete those elements that are there: in one transaction, where all of them are. One with an element that is gone
 * would delete nothing: it is split in halves until what is gone stands alone.
 * @returns what went wrong
 */
export function clearElements({ about, elements }: StepOf<"delete-elements">, scope: Scope): Error[] {
  const { netfilter } = scope.home;
  const attempt = (some: readonly SetElement[]) =>
    outcome(() => netfilter.batch(deleteElements(about, some), TRANSACTION));
  const halve = (some: readonly SetElement[]): Error[] => {
    const result = attempt(some);
    if (result !== "gone") return result;
    const middle = some.length >> 1;
    return middle === 0 ? [] : [...halve(some.slice(0, middle)), ...halve(some.slice(middle))];
  };
  const result = attempt(elements);
  if (result !== "gone") return result;
  return bySet(elements).flatMap((some) => {
    const [first] = some;
    if (!first) return [];
    const set = outcome(() => netfilter.request(touchSet(about, first)));
    if (set === "gone") return [];
    return set.length > 0 ? set : halve(some);
  });
}

/** The error that `work` ends with, if any, or that what it is about isn't there. */
function outcome(work: () => void): Error[] | "gone" {
  try {
    work();
    return [];
  } catch (thrown) {
    return thrown instanceof KernelError && thrown.errno === ENOENT ? "gone" : [asError(thrown)];
  }
}
