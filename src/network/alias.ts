/** IFLA_IFALIAS, for people who read `ip link`. Names may be longer than it: of each stands what fits. */

/** Bytes (IFALIASZ - 1). */
const MOST = 255;

/** Its beginning, whole characters only. */
const cut = (text: string, bytes: number): string =>
  text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(bytes)).read);

const BETWEEN = " @ ";
const HALF = (MOST - BETWEEN.length) / 2;

/** Of a pair's host end. What follows the container's name depends on the network alone. */
export const linkAlias = (containerName: string, networkName: string): string =>
  `${cut(containerName, HALF)}${BETWEEN}${cut(networkName, HALF)}`;

/** Of a bridge. Every Drawbridge ends its bridges' so. */
export const BRIDGE_ALIAS_SUFFIX = " of drawbridge";

export const bridgeAlias = (networkName: string): string =>
  `${cut(networkName, MOST - BRIDGE_ALIAS_SUFFIX.length)}${BRIDGE_ALIAS_SUFFIX}`;
