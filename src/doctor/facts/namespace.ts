/** What is asked of a namespace again and again. */
import { type Address, sameAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { RT_SCOPE } from "../../linux/rtnetlink/route-numbers.ts";
import { defaultRoutes } from "../../observe/lookup.ts";
import { linkAt } from "../../observe/place.ts";
import type { Namespace, ObservedAddress, ObservedLink } from "../../observe/types.ts";

/** Of a link; link-local ones are not among them. */
export const addressesOf = (
  { addresses }: Namespace,
  { ifindex }: Pick<ObservedLink, "ifindex">,
): readonly ObservedAddress[] =>
  addresses.filter((one) => one.ifindex === ifindex && one.scope === RT_SCOPE.universe);

export const hasAddress = (
  namespace: Namespace,
  link: Pick<ObservedLink, "ifindex">,
  address: Address,
): boolean => addressesOf(namespace, link).some((one) => sameAddress(one.address.address, address));

/** As sysctl(8) prints it. */
export const shownSysctl = (namespace: Namespace, key: string): string =>
  `${key} = ${namespace.sysctls.get(key) ?? "(not there)"}`;

/** Links that default routes leave by, the best first, each once. */
export function uplinksOf(namespace: Namespace): readonly ObservedLink[] {
  const routes = [...defaultRoutes(namespace, 4), ...defaultRoutes(namespace, 6)];
  const found = new Set(routes.flatMap(({ hops }) => hops.map(({ ifindex }) => linkAt(namespace, ifindex))));
  return [...found].flatMap((link) => (link ? [link] : []));
}

/** Whether no uplink has a carrier: of several one may be spare. */
export function isUnplugged(namespace: Namespace): boolean {
  const uplinks = uplinksOf(namespace).filter(({ up }) => up);
  return uplinks.length > 0 && uplinks.every(({ carrier }) => !carrier);
}

/** A command as it is to be pasted on the host, for a namespace. */
export const inside = (namespace: Namespace, command: string): string =>
  namespace.host ? command : `${shell`nsenter --net=${namespace.path}`} ${command}`;

/** `container web`, `this machine`, `namespace blue`. */
export const called = ({ host, container, name }: Namespace): string =>
  host ? "this machine" : container ? `container ${container.name}` : `namespace ${name}`;

/** Whether something of this kind could not be read of it: then its absence says nothing. */
export const blindTo = ({ unread }: Namespace, what: RegExp): boolean => unread.some((one) => what.test(one));
