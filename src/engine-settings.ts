/**
 * What the engine is told at its start: flags and configuration file, checked and with defaults filled in.
 * `daemon/config.ts` makes it; `createEngine` and `cleanHost` take it.
 */
import type { Address, Prefix } from "./lib/ip.ts";
import type { Logger } from "./lib/log.ts";

/** The default bridge network (dockerd's flags of the same names). */
export interface BridgeSettings {
  /** `--bridge`: the link's name; undefined for `--bridge none`: no default bridge network. */
  readonly name: string | undefined;
  /** `--bip`: the bridge's own address and its subnet. Undefined: that of an existing link, else the first free pool. */
  readonly bip?: Prefix;
  /** `--fixed-cidr`: containers get their addresses from here; inside the subnet. */
  readonly fixedCidr?: Prefix;
  /** `--default-gateway`: of containers; the bridge's own address by default. */
  readonly defaultGateway?: Address;
  /** `--mtu`, bytes. */
  readonly mtu: number;
  /** `--icc`: containers on the default bridge reach each other. */
  readonly icc: boolean;
  /** `--ip`: the host address that ports are published on by default. */
  readonly hostBindingIp: Address;
}

/** `--default-address-pool base=…,size=…`: networks without a subnet get one of `size` bits out of `base`. */
export interface AddressPool {
  readonly base: Prefix;
  readonly size: number;
}

/** The part that a running engine can be given anew (SIGHUP). */
export interface ReloadableSettings {
  /** `--label`, `key=value` each. */
  readonly labels: readonly string[];
  /** `--shutdown-timeout`, seconds; -1 waits without end. */
  readonly shutdownTimeout: number;
  /** Containers go on when the engine stops. Docker's default is false, ours true. */
  readonly liveRestore: boolean;
}

export interface EngineSettings extends ReloadableSettings {
  /** The engine's own version, from package.json. */
  readonly version: string;
  /** Absolute paths: what lasts, and what a reboot may take. */
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly bridge: BridgeSettings;
  /** `--ip-masq`: the default bridge network masquerades. */
  readonly ipMasq: boolean;
  /** `--ip-forward`: turn net.ipv4.ip_forward on. */
  readonly ipForward: boolean;
  /** `--ip-forward-no-drop`: leave forwarding between other links as it is, even where the engine turned it on. */
  readonly ipForwardNoDrop: boolean;
  /** Empty for the built-in ones. */
  readonly defaultAddressPools: readonly AddressPool[];
  /** For containers without their own; empty for the host's. */
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** `--host-gateway-ip`: what `host-gateway` in --add-host stands for; the default bridge's address by default. */
  readonly hostGatewayIp?: Address;
  /** `--cgroup-parent`; undefined for the driver's default. */
  readonly cgroupParent?: string;
  /** `--exec-opt native.cgroupdriver=…`; undefined: systemd on cgroup v2 under systemd, else cgroupfs. */
  readonly cgroupDriver?: "cgroupfs" | "systemd";
  /** Carried for the registry client; `registry[:port]`, CIDR, or URL as dockerd takes them. */
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  readonly logger: Logger;
}
