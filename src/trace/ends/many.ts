/** Addresses that no single receiver has: of groups, of all on a network, of one link alone. Pure. */
import { invalid } from "../../lib/errors.ts";
import { type Address, formatAddress, lastOf, sameAddress } from "../../lib/ip.ts";
import { isBroadcast, isLinkLocal, isMulticast } from "../../lib/ip-kinds.ts";
import type { Namespace } from "../../observe/types.ts";

/** The longest prefix whose last address is that of all, RFC 3021. */
const LONGEST = 30;

const onOneLink = (text: string): Error =>
  invalid(`${text} means something on one link alone, and a trace goes by the routes: name whose it is`);

/** `fe80::1%eth0`, RFC 4007 section 11. @throws invalid */
export function refuseZone(text: string): void {
  if (/:.*%/.test(text)) throw onOneLink(text);
}

/**
 * A probe goes to one receiver, by the routes.
 * @param sender where it starts from, if that is here
 * @throws invalid
 */
export function refuseMany({ namespace }: { readonly namespace?: Namespace }, address: Address): void {
  const text = formatAddress(address);
  const one = "and a trace follows one packet to one receiver";
  if (isMulticast(address)) throw invalid(`${text} is the address of a group, ${one}`);
  if (isBroadcast(address) || isBroadcastIn(namespace, address)) {
    throw invalid(`${text} is the address of all on a network, ${one}: name one of them`);
  }
  if (isLinkLocal(address)) throw onOneLink(text);
}

const isBroadcastIn = (namespace: Namespace | undefined, address: Address): boolean =>
  namespace?.addresses.some(
    ({ address: own }) =>
      own.address.family === 4 && own.length <= LONGEST && sameAddress(lastOf(own), address),
  ) === true;
