import { readLabels } from "./environment.ts";
import { ipamConfigs } from "./network-ipam.ts";
import { pairs } from "./pairs.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly attachable: boolean;
  readonly auxAddress: readonly string[];
  readonly configFrom?: string;
  readonly configOnly: boolean;
  readonly driver: string;
  readonly gateway: readonly string[];
  readonly ingress: boolean;
  readonly internal: boolean;
  readonly ipRange: readonly string[];
  readonly ipamDriver: string;
  readonly ipamOpt: readonly string[];
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  readonly label: readonly string[];
  readonly opt: readonly string[];
  readonly scope?: string;
  readonly subnet: readonly string[];
}

/** The body of "Create a network" (Engine API). @throws in Docker's words */
export function networkBody(name: string, options: Options): object {
  const { ipamDriver, ipamOpt, auxAddress, configFrom } = options;
  return {
    Name: name,
    Driver: options.driver,
    Scope: options.scope,
    EnableIPv4: options.ipv4,
    EnableIPv6: options.ipv6,
    IPAM: {
      Driver: ipamDriver,
      Options: pairs(ipamOpt),
      Config: ipamConfigs({ ...options, auxAddress: pairs(auxAddress) }),
    },
    Internal: options.internal,
    Attachable: options.attachable,
    Ingress: options.ingress,
    ConfigOnly: options.configOnly,
    ...(configFrom && { ConfigFrom: { Network: configFrom } }),
    Options: pairs(options.opt),
    Labels: readLabels(options.label, []),
  };
}

export default verb<Options>({
  usage: "[OPTIONS] NETWORK",
  about: "Create a network",
  flags: [
    flag("--attachable", "bool", "Enable manual container attachment"),
    flag("--aux-address", "map", "Auxiliary IPv4 or IPv6 addresses used by Network driver"),
    flag("--config-from", "string", "The network from which to copy the configuration"),
    flag("--config-only", "bool", "Create a configuration only network"),
    flag("-d, --driver", "string", 'Driver to manage the Network (default "bridge")').default("bridge"),
    flag("--gateway", "strings", "IPv4 or IPv6 Gateway for the master subnet"),
    flag("--ingress", "bool", "Create swarm routing-mesh network"),
    flag("--internal", "bool", "Restrict external access to the network"),
    flag("--ip-range", "strings", "Allocate container ip from a sub-range"),
    flag("--ipam-driver", "string", 'IP Address Management Driver (default "default")').default("default"),
    flag("--ipam-opt", "map", "Set IPAM driver specific options"),
    flag("--ipv4", "bool", "Enable or disable IPv4 address assignment (default true)").default(undefined),
    flag("--ipv6", "bool", "Enable or disable IPv6 address assignment").default(undefined),
    flag("--label", "list", "Set metadata on a network"),
    flag("-o, --opt", "map", "Set driver specific options"),
    flag("--scope", "string", "Control the network's scope"),
    flag("--subnet", "strings", "Subnet in CIDR format that represents a network segment"),
  ],
  least: 1,
  most: 1,
  async run(context, [name = ""], options) {
    const made = await context.client.post<{ Id: string; Warning?: string }>(
      "/networks/create",
      {},
      networkBody(name, options),
    );
    if (made.Warning) context.err(`WARNING: ${made.Warning}\n`);
    context.out(`${made.Id}\n`);
  },
});
