/** Pools as a user writes them, read. */
import { invalid } from "../../lib/errors.ts";
import {
  type Address,
  contains,
  formatPrefix,
  overlaps,
  type Prefix,
  parsePrefix,
  subnetOf,
  tryParseAddress,
} from "../../lib/ip.ts";
import type { PoolRequest } from "../types.ts";
import { hasRoomFor } from "./allocate.ts";

/** A pool as far as its user says. */
export interface WantedPool {
  readonly subnet?: Prefix;
  readonly range?: Prefix;
  readonly gateway?: Address;
  readonly auxiliary: Readonly<Record<string, Address>>;
}

/**
 * All that is wrong is told at once, in Docker's words (Engine API, "Create a network", IPAM). A pool that says nothing
 * is a pool of the engine's choice.
 * @throws invalid
 */
export function readPools(requests: readonly PoolRequest[]): readonly WantedPool[] {
  const problems: string[] = [];
  const pools = requests.map((request) => readPool(request, problems));
  const subnets = pools.flatMap(({ subnet }) => subnet ?? []);
  subnets.forEach((subnet, index) => {
    const other = subnets.slice(0, index).find((each) => overlaps(each, subnet));
    if (!other) return;
    problems.push(`invalid subnet ${formatPrefix(subnet)}: it overlaps with ${formatPrefix(other)}`);
  });
  if (problems.length === 0) return pools;
  const list = problems.length === 1 ? problems[0] : problems.map((problem) => `* ${problem}`).join("\n");
  throw invalid(`invalid network config:\n${list}`);
}

function readPool(
  { subnet: text, range, gateway, auxiliary = {} }: PoolRequest,
  problems: string[],
): WantedPool {
  if (!text) {
    if (range || gateway || Object.keys(auxiliary).length > 0) {
      problems.push("every ip-range or gateway must have a corresponding subnet");
    }
    return { auxiliary: {} };
  }
  const subnet = tryParsePrefix(text);
  if (!subnet) {
    problems.push(`invalid subnet ${text}: invalid CIDR block notation`);
    return { auxiliary: {} };
  }
  const wrong = problemOf(subnet);
  if (wrong) problems.push(`invalid subnet ${text}: ${wrong}`);
  const host = (what: string, written: string): Address | undefined => {
    const address = tryParseAddress(written);
    const why = address ? strays(address, subnet) : "invalid address";
    if (why) problems.push(`${what}: ${why}`);
    return address;
  };
  const found = Object.entries(auxiliary).flatMap(([name, written]) => {
    const address = host(`invalid auxiliary address ${name}`, written);
    return address ? [[name, address] as const] : [];
  });
  const way = gateway ? host(`invalid gateway ${gateway}`, gateway) : undefined;
  const within = range ? readRange(range, subnet, problems) : undefined;
  return {
    subnet,
    ...(within && { range: within }),
    ...(way && { gateway: way }),
    auxiliary: Object.fromEntries(found),
  };
}

/** 127.0.0.0/8, 224.0.0.0/4 and what follows it, 0.0.0.0/8; ::/8 and ff00::/8: not for hosts on a network. */
const UNUSABLE = ["127.0.0.0/8", "224.0.0.0/3", "0.0.0.0/8", "::/8", "ff00::/8"].map(parsePrefix);

function problemOf(subnet: Prefix): string | undefined {
  const proper = subnetOf(subnet);
  if (proper.address.bits !== subnet.address.bits) return `it should be ${formatPrefix(proper)}`;
  const unusable = UNUSABLE.find((each) => overlaps(each, subnet));
  if (unusable) return `addresses of ${formatPrefix(unusable)} are not for hosts on a network`;
  if (!hasRoomFor(subnet, 1)) return "it is too small: it has no address for a container";
  return undefined;
}

function strays(address: Address, subnet: Prefix): string | undefined {
  const { family } = subnet.address;
  if (address.family !== family) return `parent subnet is an IPv${family} block`;
  if (!contains(subnet, address)) return `parent subnet ${formatPrefix(subnet)} doesn't contain this address`;
  return undefined;
}

function readRange(text: string, subnet: Prefix, problems: string[]): Prefix | undefined {
  const range = tryParsePrefix(text);
  problems.push(...problemsOfRange(range, subnet).map((why) => `invalid ip-range ${text}: ${why}`));
  return range;
}

function problemsOfRange(range: Prefix | undefined, subnet: Prefix): readonly string[] {
  if (!range) return ["invalid CIDR block notation"];
  const { family } = subnet.address;
  if (range.address.family !== family) return [`parent subnet is an IPv${family} block`];
  const parent = formatPrefix(subnet);
  const proper = subnetOf(range);
  return [
    ...(range.length < subnet.length ? [`CIDR block is bigger than its parent subnet ${parent}`] : []),
    ...(proper.address.bits === range.address.bits ? [] : [`it should be ${formatPrefix(proper)}`]),
    ...(overlaps(subnet, range) ? [] : [`parent subnet ${parent} doesn't contain ip-range`]),
  ];
}

function tryParsePrefix(text: string): Prefix | undefined {
  try {
    return parsePrefix(text);
  } catch {
    return undefined; // Each caller has words of its own for it.
  }
}
