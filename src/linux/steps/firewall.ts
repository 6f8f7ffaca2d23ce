/** Steps that change the firewall: nft commands, and elements of its sets. */
import { constants } from "node:os";
import { KernelError } from "../ffi.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import {
  addElements,
  askElements,
  bySet,
  deleteElements,
  identify,
  readElements,
} from "../nftables/element.ts";
import { TRANSACTION } from "../nftables/transaction.ts";
import type { Fact, SetElement, StepOf } from "../plan.ts";
import type { Scope } from "../scope.ts";

const { EBUSY, ENOENT } = constants.errno;
const ATTEMPTS = 8;

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
 * deletes nothing, and failing takes the kernel 10 ms of its time: so what is there is asked for before the second.
 * @throws KernelError
 */
export function clearElements({ about, elements }: StepOf<"delete-elements">, scope: Scope): void {
  const { netfilter } = scope.home;
  let left = elements;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      netfilter.batch(deleteElements(about, left), TRANSACTION);
      return;
    } catch (thrown) {
      if (!isGone(thrown)) throw thrown;
      if (left.length === 1) return;
    }
    left = bySet(left).flatMap((some) => standing(about, some, netfilter));
  }
  throw new KernelError(about, EBUSY, `elements went ${ATTEMPTS} times while they were being deleted`);
}

/** Those of one set's elements that are there. */
function standing(what: string, elements: readonly SetElement[], netfilter: NetlinkSocket): SetElement[] {
  const [first] = elements;
  if (!first) return [];
  try {
    const told = new Set(
      netfilter.dump(askElements(what, first), ({ payload }) => readElements(payload)).flat(),
    );
    return elements.filter((element) => identify(element).every((identity) => told.has(identity)));
  } catch (thrown) {
    if (isGone(thrown)) return [];
    throw thrown;
  }
}

const isGone = (thrown: unknown): boolean => thrown instanceof KernelError && thrown.errno === ENOENT;
