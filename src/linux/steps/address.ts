/** Steps that give addresses to links, and take them away. */
import { constants } from "node:os";
import { sameAddress } from "../../lib/ip.ts";
import { KernelError } from "../ffi.ts";
import type { LinkAddress } from "../kernel.ts";
import { describe, type Fact, type StepOf } from "../plan.ts";
import { addAddress, askAddresses, deleteAddress, readLinkAddress } from "../rtnetlink/address.ts";
import { RT_SCOPE } from "../rtnetlink/route-numbers.ts";
import type { Scope } from "../scope.ts";

const { EADDRNOTAVAIL } = constants.errno;

export function giveAddress(step: StepOf<"add-address">, scope: Scope): Fact {
  const what = describe(step);
  const { netns, address, broadcast } = step;
  const link: LinkAddress = {
    ifindex: scope.ifindex(what, netns, step.link),
    address,
    scope: RT_SCOPE.universe,
    ...(broadcast && { broadcast }),
  };
  // Nobody else is in a sandbox's network yet, and a container can't wait for the answer.
  const settled = netns !== undefined || step.noDad === true;
  scope.socket(netns).request(addAddress(what, link, settled));
  scope.undo(what, () => scope.socket(netns).request(deleteAddress(what, link)));
  return {};
}

export function takeAddress(step: StepOf<"delete-address">, scope: Scope): Fact {
  const what = describe(step);
  const { netns, address } = step;
  const socket = scope.socket(netns);
  const ifindex = scope.ifindex(what, netns, step.link);
  const [standing] = socket.dump(askAddresses(what), (message) => {
    const told = readLinkAddress(message.payload);
    const same =
      told?.ifindex === ifindex &&
      told.address.length === address.length &&
      sameAddress(told.address.address, address.address);
    return same ? told : undefined;
  });
  if (!standing) throw new KernelError(what, EADDRNOTAVAIL);
  socket.request(deleteAddress(what, standing));
  // It was found to be free when it was given.
  scope.undo(what, () => scope.socket(netns).request(addAddress(what, standing, true)));
  return {};
}
