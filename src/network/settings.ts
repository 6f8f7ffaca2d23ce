import type { Address, Prefix } from "../lib/ip.ts";

/** The default bridge network, by dockerd's flags. */
export interface BridgeSettings {
  /** `--bridge`; undefined for `--bridge none`: no default bridge network. */
  readonly name: string | undefined;
  /** `--bip`: the bridge's own address and its subnet; the first address of the first pool by default. */
  readonly bip?: Prefix;
  /** `--fixed-cidr`: containers get their addresses from here; inside the subnet. */
  readonly fixedCidr?: Prefix;
  /** `--default-gateway`: of containers; the bridge's own address by default. */
  readonly defaultGateway?: Address;
  /** Bytes. */
  readonly mtu: number;
  readonly icc: boolean;
  /** `--ipv6`: the default bridge network has IPv6. */
  readonly ipv6: boolean;
  /** `--bip6`: its IPv6 address and subnet; one of the engine's own unique local ones by default. */
  readonly bip6?: Prefix;
  /** `--fixed-cidr-v6`. */
  readonly fixedCidr6?: Prefix;
  /** `--default-gateway-v6`. */
  readonly defaultGateway6?: Address;
  /** `--ip`: the host address that ports are published on by default. */
  readonly hostBindingIp: Address;
}

/** `--default-address-pool base=…,size=…`: subnets of `size` bits out of `base`. */
export interface AddressPool {
  readonly base: Prefix;
  readonly size: number;
}

/** What the networks are told of the engine's settings. */
export interface NetworkSettings {
  readonly bridge: BridgeSettings;
  readonly ipMasq: boolean;
  /** Turn net.ipv4.ip_forward on. */
  readonly ipForward: boolean;
  /** Leave forwarding between other links open, even where the engine turned it on. */
  readonly ipForwardNoDrop: boolean;
  /** Let what we forward past another engine's FORWARD DROP, in the place that it has for that (DOCKER-USER). */
  readonly firewallAdmit: boolean;
  /** `--default-network-opt driver=key=value`. */
  readonly defaultNetworkOptions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Empty for the built-in ones. */
  readonly defaultAddressPools: readonly AddressPool[];
  /** For containers without their own; empty for the host's. */
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** What `host-gateway` stands for, one of a family; the default bridge's addresses where empty. */
  readonly hostGatewayIps?: readonly Address[];
}
