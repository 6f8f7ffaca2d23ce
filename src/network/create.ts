/** A network as it shall be, made of what is asked and what there is. Pure but for the id that it draws. */
import { conflict, forbidden, invalid, notBuiltIn, notFound } from "../lib/errors.ts";
import { formatTime, nowNanoseconds } from "../lib/events.ts";
import { type NetworkID, newId } from "../lib/ids.ts";
import { FAMILIES, type Family, formatPrefix, type Prefix } from "../lib/ip.ts";
import { didYouMean } from "../lib/nearest.ts";
import { OPTION } from "./bridge/options.ts";
import { isDefaultName } from "./defaults.ts";
import { drivers } from "./drivers.ts";
import { hasFamily } from "./family.ts";
import type { HostState } from "./host-state.ts";
import { designPools } from "./ipam/design.ts";
import { readPools, type WantedPool } from "./ipam/request.ts";
import { MACVLAN_OPTION } from "./macvlan/options.ts";
import { booleanOption, type OptionValues, refuseUnknown } from "./option-values.ts";
import type { NetworkSettings } from "./settings.ts";
import type { CreatedNetwork, DriverName, Network, NetworkRequest } from "./types.ts";

export interface NetworkContext {
  readonly networks: readonly Network[];
  readonly facts: HostState;
  readonly settings: NetworkSettings;
  /** The engine's own unique local prefix (RFC 4193), of 48 bits: where IPv6 subnets come from by default. */
  readonly ula: Prefix;
  /** Subnets that networks of this life gave back, oldest first: not given again before all others. */
  readonly spent: readonly Prefix[];
}

/** @throws conflict, forbidden, invalid, not-built-in, not-found in Docker's words */
export function designNetwork(request: NetworkRequest, context: NetworkContext): CreatedNetwork {
  checkName(request.name, context.networks);
  const wanted = whatIsWanted(request, context);
  if (request.configOnly) return { network: configNetwork(request, wanted), warning: "" };
  const driver = driverNamed(request.driver || "bridge");
  checkScope(request);
  return makeNetwork(request, driver, wanted, context);
}

/** `default` is what clients send for the default network, `container:…` for another container's. */
const isPredefined = (name: string): boolean =>
  isDefaultName(name) || /^(default|container(:.*)?)$/s.test(name);

function checkName(name: string, networks: readonly Network[]): void {
  if (isPredefined(name)) throw forbidden(`operation is not permitted on predefined ${name} network`);
  if (name.trim() === "") throw invalid("invalid name: name is empty");
  // It stands in the aliases of links, and in messages.
  if (/\p{Cc}/u.test(name)) throw invalid(`invalid name: ${JSON.stringify(name)} has control characters`);
  if (networks.some((network) => network.name === name)) {
    throw conflict(`network with name ${name} already exists`);
  }
}

/** What of a network may come from a config-only one. */
interface Wanted {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly ipamDriver: string;
  readonly ipamOptions: OptionValues | null;
  readonly pools: readonly WantedPool[];
  readonly options: OptionValues;
  readonly labels: Readonly<Record<string, string>>;
}

const FAMILY_OPTION = {
  4: "com.docker.network.enable_ipv4",
  6: "com.docker.network.enable_ipv6",
} as const;

/** How often, and how far apart, a new address is announced: an address keeps its MAC here, so there is no need. */
const ANNOUNCING = ["com.docker.network.advertise_addr_nmsgs", "com.docker.network.advertise_addr_ms"];

/** All that some driver knows; which of them have a meaning for it, each driver says. */
const KNOWN_OPTIONS: readonly string[] = [
  // That there is one default network, the engine sees to.
  ...Object.values(OPTION).filter((key) => key !== OPTION.defaultBridge),
  ...Object.values(MACVLAN_OPTION),
  ...Object.values(FAMILY_OPTION),
  ...ANNOUNCING,
];

function whatIsWanted(request: NetworkRequest, { networks, settings }: NetworkContext): Wanted {
  if (request.configFrom !== undefined) return fromConfig(request, request.configFrom, networks);
  const { ipam = {}, labels = {} } = request;
  const defaults = settings.defaultNetworkOptions?.[request.driver || "bridge"] ?? {};
  const options: Record<string, string> = { ...(!request.configOnly && defaults), ...request.options };
  refuseUnknown("network", options, KNOWN_OPTIONS);
  const ipv4 = request.ipv4 ?? familyOption(options, 4, true);
  const ipv6 = request.ipv6 ?? familyOption(options, 6, false);
  // What is said by a field of its own is not said twice.
  if (request.ipv4 !== undefined) delete options[FAMILY_OPTION[4]];
  if (request.ipv6 !== undefined) delete options[FAMILY_OPTION[6]];
  return {
    ipv4,
    ipv6,
    ipamDriver: ipamDriverNamed(ipam.driver || "default"),
    ipamOptions: ipam.options ?? null,
    pools: readPools(ipam.config ?? []),
    options,
    labels,
  };
}

function familyOption(options: OptionValues, family: Family, otherwise: boolean): boolean {
  try {
    return booleanOption(options, FAMILY_OPTION[family], otherwise);
  } catch (thrown) {
    throw invalid(`driver-opt ${JSON.stringify(FAMILY_OPTION[family])} is not a valid bool`, thrown);
  }
}

function ipamDriverNamed(name: string): string {
  const names = ["default", "null"];
  if (names.includes(name)) return name;
  throw notFound(`plugin "${name}" not found: the IPAM drivers are ${names.join(" and ")}`);
}

/** @throws forbidden where more is said than whose configuration it is; not-found */
function fromConfig(request: NetworkRequest, from: string, networks: readonly Network[]): Wanted {
  const { ipam, labels, options } = request;
  if (request.configOnly) {
    throw forbidden("a configuration network cannot depend on another configuration network");
  }
  const ownIpam =
    (ipam?.driver && ipam.driver !== "default") || isFilled(ipam?.options) || isFilled(ipam?.config);
  if (ownIpam || request.ipv4 === false || request.ipv6 || isFilled(labels)) {
    throw forbidden(
      "user-specified configurations are not supported if the network depends on a configuration network",
    );
  }
  if (isFilled(options)) {
    throw forbidden(
      "network driver options are not supported if the network depends on a configuration network",
    );
  }
  const config = networks.find(({ name, configOnly }) => configOnly && name === from);
  if (!config) throw notFound(`configuration network "${from}" does not exist`);
  return {
    ipv4: config.ipv4,
    ipv6: config.ipv6,
    ipamDriver: config.ipam.driver,
    ipamOptions: config.ipam.options,
    pools: config.ipam.pools,
    options: config.options,
    labels: config.labels,
  };
}

const isFilled = (value: object | undefined): boolean => value !== undefined && Object.keys(value).length > 0;

/** Nothing is given to it: whoever is made from it is given what it says. Its driver is none, as in Docker. */
function configNetwork(request: NetworkRequest, wanted: Wanted): Network {
  if (request.ingress || request.internal || request.attachable || request.scope) {
    throw forbidden(
      "configuration network can only contain network specific fields. Network operator fields like " +
        "[ ingress | internal | attachable | scope ] are not supported.",
    );
  }
  const pools = wanted.pools.flatMap(({ subnet, auxiliary, ...more }) =>
    subnet ? [{ ...more, subnet, auxiliary }] : [],
  );
  return {
    ...skeleton(request, "null", wanted, newId<NetworkID>()),
    configOnly: true,
    ipam: ipamOf(wanted, pools),
  };
}

const ipamOf = ({ ipamDriver, ipamOptions }: Wanted, pools: Network["ipam"]["pools"]): Network["ipam"] => ({
  driver: ipamDriver,
  options: ipamOptions,
  pools,
});

/** Docker's drivers that are not here. */
const NOT_BUILT_IN = ["ipvlan", "overlay"];

/** @throws not-found, not-built-in, that say which ones there are; forbidden for those that have one network alone */
function driverNamed(name: string): DriverName {
  const names = Object.keys(drivers) as DriverName[];
  const driver = names.find((each) => each === name);
  const there = `the network drivers are ${names.join(", ")}`;
  if (NOT_BUILT_IN.includes(name)) throw notBuiltIn(`network driver ${name} is not built in: ${there}`);
  if (driver === undefined) throw notFound(`plugin "${name}" not found${didYouMean(name, names)}: ${there}`);
  if (driver === "host" || driver === "null") {
    throw forbidden(`only one instance of "${driver}" network is allowed`);
  }
  return driver;
}

function checkScope({ scope, ingress }: NetworkRequest): void {
  if (ingress) throw forbidden("Ingress network can only be global scope network");
  if (scope === "swarm") throw forbidden("cannot create a swarm scoped network when swarm is not active");
  if (scope && scope !== "local")
    throw forbidden(`cannot create a ${scope} scoped network: scope is local here`);
}

function makeNetwork(
  request: NetworkRequest,
  driverName: DriverName,
  wanted: Wanted,
  context: NetworkContext,
): CreatedNetwork {
  const driver = drivers[driverName];
  const bare = skeleton(request, driverName, wanted, newId<NetworkID>());
  const given = wanted.pools.filter(({ subnet }) => !subnet || hasFamily(wanted, subnet.address.family));
  const left = wanted.pools.flatMap(({ subnet }) =>
    subnet && !hasFamily(wanted, subnet.address.family) ? [subnet] : [],
  );
  const families = FAMILIES.filter((family) => hasFamily(wanted, family));
  const pools =
    wanted.ipamDriver === "null"
      ? withoutPools(given)
      : families.flatMap((family) => designPools(bare, family, given, context));
  const designed = { ...bare, ipam: ipamOf(wanted, pools) };
  return {
    network: driver.complete(designed, context.networks, context.settings),
    warning: left.map(describeLeft).join("; "),
  };
}

/** Docker leaves these out without a word. */
function describeLeft(subnet: Prefix): string {
  const fix = subnet.address.family === 6 ? "pass --ipv6" : "leave --ipv4=false out";
  return `subnet ${formatPrefix(subnet)} is left out: the network has no IPv${subnet.address.family} (${fix})`;
}

function withoutPools(given: readonly WantedPool[]): [] {
  if (given.every(({ subnet }) => !subnet)) return [];
  throw invalid("null ipam driver does not handle specific address pool requests");
}

function skeleton(request: NetworkRequest, driver: DriverName, wanted: Wanted, id: NetworkID): Network {
  const { ipv4, ipv6, options, labels } = wanted;
  return {
    id,
    name: request.name,
    driver,
    created: formatTime(nowNanoseconds()),
    internal: request.internal ?? false,
    attachable: request.attachable ?? false,
    ipv4,
    ipv6,
    ...(request.configFrom !== undefined && { configFrom: request.configFrom }),
    ipam: ipamOf(wanted, []),
    options,
    labels,
  };
}
