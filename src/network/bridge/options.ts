import { invalid } from "../../lib/errors.ts";
import { type Address, FAMILIES, type Family } from "../../lib/ip.ts";
import { hasFamily, poolsOf } from "../family.ts";
import { KERNEL_HAS_IPV6 } from "../kernel-ipv6.ts";
import {
  addressOption,
  booleanOption,
  integerOption,
  isLinkName,
  linkNameOption,
  type OptionValues,
  wordOption,
} from "../option-values.ts";
import type { Network, Pool } from "../types.ts";

/** Docker's names for a bridge network's options, and ours. */
export const OPTION = {
  defaultBridge: "com.docker.network.bridge.default_bridge",
  icc: "com.docker.network.bridge.enable_icc",
  masquerade: "com.docker.network.bridge.enable_ip_masquerade",
  hostBinding: "com.docker.network.bridge.host_binding_ipv4",
  name: "com.docker.network.bridge.name",
  mode4: "com.docker.network.bridge.gateway_mode_ipv4",
  mode6: "com.docker.network.bridge.gateway_mode_ipv6",
  inhibit4: "com.docker.network.bridge.inhibit_ipv4",
  trusted: "com.docker.network.bridge.trusted_host_interfaces",
  interfacePrefix: "com.docker.network.container_iface_prefix",
  source4: "com.docker.network.host_ipv4",
  source6: "com.docker.network.host_ipv6",
  mtu: "com.docker.network.driver.mtu",
  hostGuard: "drawbridge.host-guard",
  spoofGuard: "drawbridge.spoof-guard",
} as const;

/** Docker's names for auxiliary addresses that are the default gateway in place of the bridge's own. */
export const DEFAULT_GATEWAY = "DefaultGatewayIPv4";
export const DEFAULT_GATEWAY6 = "DefaultGatewayIPv6";

const GATEWAY_MODES = ["nat", "nat-unprotected", "routed", "isolated"] as const;
export type GatewayMode = (typeof GATEWAY_MODES)[number];

const DEFAULT_MTU = 1500;
/** RFC 791; RFC 8200 section 5: below it the kernel takes IPv6 off a link. */
export const LEAST_MTU = { 4: 68, 6: 1280 } as const;
const MOST_MTU = 65535;

const ANY4: Address = { family: 4, bits: 0n };
const ANY6: Address = { family: 6, bits: 0n };

/** What a bridge network is of one family. */
export interface BridgeFamily {
  readonly family: Family;
  readonly mode: GatewayMode;
  readonly pools: readonly Pool[];
  /** Packets leave under this address of the host; under that of the link that they leave by, where absent. */
  readonly source?: Address;
  /** Whether the bridge has the gateways' addresses. */
  readonly addressed: boolean;
  /** Whether addresses are translated on the way in and out. */
  readonly translated: boolean;
}

export interface BridgeOptions {
  /** Of the link. */
  readonly name: string;
  /** Bytes. */
  readonly mtu: number;
  readonly icc: boolean;
  readonly masquerade: boolean;
  /** Host addresses that ports are published at, where the user names none. */
  readonly hostBindings: readonly Address[];
  /** Links of the host that may knock at published ports by a container's own address. */
  readonly trusted: readonly string[];
  /** Of interfaces in sandboxes: `eth`. */
  readonly interfacePrefix: string;
  readonly hostGuard: boolean;
  readonly spoofGuard: boolean;
  /** Those that it has. */
  readonly families: readonly BridgeFamily[];
}

/** A network does not change: each is read once, since all work on its endpoints asks. */
const known = new WeakMap<Network, BridgeOptions>();

/** A bridge network's options, read. @throws invalid, in Docker's words */
export function bridgeOptions(network: Network): BridgeOptions {
  let read = known.get(network);
  if (!read) {
    read = readOptions(network);
    known.set(network, read);
  }
  return read;
}

function readOptions(network: Network): BridgeOptions {
  const { options } = network;
  return {
    name: linkNameOption(options, OPTION.name) ?? `br-${network.id.slice(0, 12)}`,
    mtu: mtuOf(network),
    icc: booleanOption(options, OPTION.icc, true),
    masquerade: booleanOption(options, OPTION.masquerade, true),
    hostBindings: hostBindings(network),
    trusted: trustedLinks(options),
    interfacePrefix: interfacePrefix(options),
    hostGuard: booleanOption(options, OPTION.hostGuard, false),
    spoofGuard: booleanOption(options, OPTION.spoofGuard, true),
    // Both are read: a slip in an option of the one that is off is a slip as well.
    families: FAMILIES.map((family) => familyOf(network, family)).filter(({ family }) =>
      hasFamily(network, family),
    ),
  };
}

/** @throws invalid */
function gatewayMode(options: OptionValues, family: Family): GatewayMode {
  const key = family === 4 ? OPTION.mode4 : OPTION.mode6;
  return wordOption(options, key, GATEWAY_MODES, "gateway mode") ?? "nat";
}

/** Whether the network has a gateway in a subnet for which the user named none. @throws invalid */
export function offersGateway({ options, internal }: Network, family: Family): boolean {
  if (gatewayMode(options, family) === "isolated") return false;
  return family === 6 || !internal || !booleanOption(options, OPTION.inhibit4, false);
}

function familyOf(network: Network, family: Family): BridgeFamily {
  const { options, internal } = network;
  const mode = gatewayMode(options, family);
  const source = addressOption(options, family === 4 ? OPTION.source4 : OPTION.source6, family);
  const inhibited = family === 4 && booleanOption(options, OPTION.inhibit4, false);
  return {
    family,
    mode,
    pools: poolsOf(network, family),
    ...(source && { source }),
    addressed: mode !== "isolated" && !inhibited,
    translated: !internal && (mode === "nat" || mode === "nat-unprotected"),
  };
}

function mtuOf({ options, ipv6 }: Network): number {
  const mtu = integerOption(options, OPTION.mtu, 0);
  if (mtu === 0) return DEFAULT_MTU;
  const least = LEAST_MTU[ipv6 ? 6 : 4];
  if (mtu < least || mtu > MOST_MTU) {
    throw invalid(`invalid MTU number: ${mtu} (between ${least} and ${MOST_MTU} is possible)`);
  }
  return mtu;
}

/** 0.0.0.0 stands for every address of the host, of either family, as with Docker. */
function hostBindings({ options, ipv4 }: Network): readonly Address[] {
  const address = addressOption(options, OPTION.hostBinding);
  if (address && (address.bits !== 0n || address.family === 6)) return [address];
  return [...(ipv4 ? [ANY4] : []), ...(KERNEL_HAS_IPV6 ? [ANY6] : [])];
}

function trustedLinks(options: OptionValues): readonly string[] {
  const links = new Set((options[OPTION.trusted] ?? "").split(":").filter((name) => name !== ""));
  for (const name of links) {
    if (!isLinkName(name)) {
      throw invalid(`failed to parse ${OPTION.trusted} value: ${name} (it can't be a link's name)`);
    }
  }
  return [...links];
}

function interfacePrefix(options: OptionValues): string {
  const prefix = options[OPTION.interfacePrefix] ?? "eth";
  // Room for a number of two digits within the 15 bytes of a name.
  if (!isLinkName(`${prefix}00`) || prefix === "") {
    throw invalid(
      `failed to parse ${OPTION.interfacePrefix} value: ${prefix} (it can't begin a link's name)`,
    );
  }
  return prefix;
}

/**
 * Whether its ports are in hairpin mode: with bridge-nf-call-iptables, a container that asks for its own published port
 * is answered by way of its own port. The guard keeps what it sends to all from coming back to it.
 */
export const hasHairpins = ({ families, spoofGuard }: BridgeOptions): boolean =>
  spoofGuard && families.some(({ translated }) => translated);
