/** What stands in the firewall for a bridge network, its endpoints, and the ports that lead to them. */
import { internal } from "../../lib/errors.ts";
import { type Address, contains, type Family, type Mac, type Prefix } from "../../lib/ip.ts";
import { addressOf } from "../family.ts";
import type { Elements, SetName, Tuple } from "../firewall/elements.ts";
import { addressesOf, linkLocalOf } from "../interface.ts";
import { PROTOCOL_NUMBERS } from "../port/protocols.ts";
import type { Endpoint, Network, PortBinding } from "../types.ts";
import { type BridgeFamily, bridgeOptions } from "./options.ts";

/** As long as the network is there. */
export function networkElements(network: Network): Elements {
  const { name, icc, masquerade, trusted, hostGuard, families } = bridgeOptions(network);
  const link = { ifname: name };
  const modes = (mode: BridgeFamily["mode"]): Tuple[] =>
    families
      .filter((of) => of.mode === mode && !network.internal)
      .map(({ family }) => [{ nfproto: `ipv${family}` }, link]);
  const open = modes("nat-unprotected");
  const routed = modes("routed");
  const [first, second] = families.map((of) => sourceElements(link, of, masquerade));
  return {
    bridges: [[link]],
    ...(icc && { icc: [[link, link]] }),
    ...(network.internal && { internal: [[link]] }),
    ...(hostGuard && { guarded: [[link]] }),
    ...(open.length > 0 && { open }),
    ...(routed.length > 0 && { routed }),
    ...(trusted.length > 0 && { trusted: trusted.map((ifname) => [{ ifname }, link]) }),
    ...first,
    ...second,
  };
}

/**
 * What leaves the network gets an address of the host's, where it shall; what stays on it keeps its own, but for what
 * a published port leads back to it.
 */
function sourceElements(
  link: { readonly ifname: string },
  { family, pools, source, translated }: BridgeFamily,
  masquerade: boolean,
): Elements {
  if (!translated) return {};
  const subnets = pools.map(({ subnet }) => ({ subnet }));
  const local = subnets.map((subnet) => [link, subnet]);
  if (!masquerade) return family === 4 ? { local4: local } : { local6: local };
  const plain = subnets.map((subnet) => [subnet]);
  const named = source ? subnets.map((subnet) => ({ key: [subnet], value: [{ address: source }] })) : [];
  if (family === 4) return { local4: local, ...(source ? { snat4: named } : { masquerade4: plain }) };
  return { local6: local, ...(source ? { snat6: named } : { masquerade6: plain }) };
}

/** As long as the endpoint is there: its port speaks with its own addresses only. */
export function endpointElements(network: Network, endpoint: Endpoint): Elements {
  const { icc, spoofGuard } = bridgeOptions(network);
  const { port, mac } = plugOf(endpoint);
  const link = { ifname: port };
  const own = addressesOf(endpoint).map(({ address }) => address);
  const owners4 = own.filter(({ family }) => family === 4);
  const given6 = own.filter(({ family }) => family === 6);
  const separated: Elements = icc ? {} : { separated: [[link]] };
  if (!spoofGuard) return separated;
  const owners6 = given6.length > 0 ? [...given6, linkLocalOf(mac)] : [];
  return {
    ports: [[link]],
    senders: [[link, { mac }]],
    ...(owners4.length > 0 && { owners4: owners4.map((each) => [link, { mac }, { address: each }]) }),
    ...(owners6.length > 0 && {
      senders6: [[link, { mac }]],
      owners6: owners6.map((each) => [link, { mac }, { address: each }]),
      targets6: owners6.map((each) => [link, { address: each }]),
      announced6: [[link, { mac }]],
    }),
    ...separated,
  };
}

interface Plug {
  readonly port: string;
  readonly name: string;
  readonly mac: Mac;
}

/** The parts that every endpoint of a bridge network has. */
export function plugOf({ hostInterface, interfaceName, mac, networkName }: Endpoint): Plug {
  if (hostInterface === undefined || interfaceName === undefined || !mac) {
    throw internal(`an endpoint of ${networkName} without an interface`);
  }
  return { port: hostInterface, name: interfaceName, mac };
}

const PORT_SETS = {
  4: { any: "published4_any", at: "published4", admitted: "admitted4", exposed: "exposed4" },
  6: { any: "published6_any", at: "published6", admitted: "admitted6", exposed: "exposed6" },
} as const satisfies Record<Family, Record<string, SetName>>;

const LOOPBACK: Readonly<Record<Family, Prefix>> = {
  4: { address: { family: 4, bits: 0x7f000000n }, length: 8 },
  6: { address: { family: 6, bits: 1n }, length: 128 },
};

const isLoopback = (address: Address): boolean => contains(LOOPBACK[address.family], address);

/**
 * While ports are led to this endpoint. Translated ones are admitted by the container's own address; on a network
 * that everyone may enter that needs no word. On a routed one nothing is translated, and a port of the host's
 * loopback is opened to nobody. Of IPv6, what the kernel can't translate is the relay's.
 */
export function portElements(
  network: Network,
  endpoint: Endpoint,
  bindings: readonly PortBinding[],
): Elements {
  const { name, families } = bridgeOptions(network);
  const lists: Partial<Record<SetName, Tuple[]>> = {};
  const seen = new Set<string>();
  const put = (set: SetName, tuple: Tuple) => {
    lists[set] ??= [];
    lists[set].push(tuple);
  };
  const putOnce = (set: SetName, tuple: Tuple, key: string) => {
    if (!seen.has(key)) put(set, tuple);
    seen.add(key);
  };
  for (const { hostAddress, hostPort, protocol: named, port } of network.internal ? [] : bindings) {
    const { family } = hostAddress;
    const address = addressOf(endpoint, family);
    const mode = families.find((of) => of.family === family)?.mode;
    if (!address || !mode) continue;
    const sets = PORT_SETS[family];
    const protocol = { protocol: PROTOCOL_NUMBERS[named] };
    const own = [{ ifname: name }, { address }, protocol, { port }];
    const key = `${family} ${named} ${port}`;
    if (mode === "routed") {
      if (!isLoopback(hostAddress)) putOnce(sets.exposed, own, key);
    } else if (mode !== "isolated" && !(family === 6 && isLoopback(hostAddress))) {
      const value = [{ address }, { port }];
      if (hostAddress.bits === 0n) put(sets.any, { key: [protocol, { port: hostPort }], value });
      else put(sets.at, { key: [protocol, { address: hostAddress }, { port: hostPort }], value });
      if (mode === "nat") putOnce(sets.admitted, own, key);
    }
  }
  return lists;
}
