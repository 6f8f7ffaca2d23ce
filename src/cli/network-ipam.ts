/** Subnets with the ranges, gateways and addresses that belong to each, out of flags of their own. */
import { contains, type Prefix, parseAddress, parsePrefix } from "../lib/ip.ts";

export interface IpamFlags {
  readonly subnet: readonly string[];
  readonly ipRange: readonly string[];
  readonly gateway: readonly string[];
  /** `name=address`. */
  readonly auxAddress: Readonly<Record<string, string>>;
}

/** IPAMConfig of the API. */
export interface IpamConfig {
  readonly Subnet: string;
  IPRange?: string;
  Gateway?: string;
  readonly AuxiliaryAddresses: Record<string, string>;
}

function prefixOf(text: string): Prefix {
  try {
    return parsePrefix(text);
  } catch (thrown) {
    throw new Error(`invalid subnet: invalid CIDR address: ${text}`, { cause: thrown });
  }
}

/** The address of `10.1.2.0/24`, or of `10.1.2.3`. */
const addressOf = (text: string) => (text.includes("/") ? prefixOf(text).address : parseAddress(text));

/** @throws in Docker's words where something has no subnet, or a subnet has it twice */
export function ipamConfigs(flags: IpamFlags): readonly IpamConfig[] {
  const { subnet, ipRange, gateway, auxAddress } = flags;
  if (subnet.length < ipRange.length || subnet.length < gateway.length) {
    throw new Error("every ip-range or gateway must have a corresponding subnet");
  }
  const prefixes = subnet.map(prefixOf);
  for (const [i, one] of prefixes.entries()) {
    const others = prefixes.slice(i + 1);
    if (others.some((other) => contains(one, other.address) || contains(other, one.address))) {
      throw new Error("multiple overlapping subnet configuration is not supported");
    }
  }
  const configs = subnet.map((Subnet): IpamConfig => ({ Subnet, AuxiliaryAddresses: {} }));
  const configFor = (what: string, text: string): IpamConfig => {
    const found = configs[prefixes.findIndex((prefix) => contains(prefix, addressOf(text)))];
    if (!found) throw new Error(`no matching subnet for ${what} ${text}`);
    return found;
  };
  for (const text of ipRange) {
    const config = configFor("range", text);
    if (config.IPRange !== undefined) {
      throw new Error(
        `cannot configure multiple ranges (${text}, ${config.IPRange}) on the same subnet (${config.Subnet})`,
      );
    }
    config.IPRange = text;
  }
  for (const text of gateway) {
    const config = configFor("gateway", text);
    if (config.Gateway !== undefined) {
      throw new Error(
        `cannot configure multiple gateways (${text}, ${config.Gateway}) for the same subnet (${config.Subnet})`,
      );
    }
    config.Gateway = text;
  }
  for (const [name, text] of Object.entries(auxAddress)) {
    configFor("aux-address", text).AuxiliaryAddresses[name] = text;
  }
  return configs;
}
