/** Which of a machine's IPv4 addresses it speaks under, net/ipv4/devinet.c. */
import { type Address, contains } from "../../../lib/ip.ts";
import { RT_SCOPE } from "../../../linux/rtnetlink/route-numbers.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace, ObservedAddress } from "../../../observe/types.ts";

const primary = (address: ObservedAddress): boolean =>
  address.address.address.family === 4 && !address.secondary;

/**
 * inet_select_addr: the link's first primary address on the same subnet as `towards`, or its first; of another link where it
 * has none. `scope` is the narrowest that will do.
 */
export function selectAddress(
  namespace: Namespace,
  ifindex: number,
  towards: Address | undefined,
  scope: number,
): Address | undefined {
  const place = placeOf(namespace);
  const own = place.addressesOn(ifindex).filter((held) => primary(held) && held.scope <= scope);
  const near = towards && own.find(({ address }) => contains(address, towards));
  const chosen = near ?? own[0];
  if (chosen) return chosen.address.address;
  for (const link of place.links()) {
    const other = place
      .addressesOn(link.ifindex)
      .find((held) => primary(held) && held.scope !== RT_SCOPE.link && held.scope <= scope);
    if (other) return other.address.address;
  }
  return undefined;
}
