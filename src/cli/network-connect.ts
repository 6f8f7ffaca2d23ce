import { checkLink } from "./link-flag.ts";
import { driverOptions } from "./network-flag.ts";
import { networkPath } from "./network-path.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly alias: readonly string[];
  readonly driverOpt: readonly string[];
  readonly gwPriority?: number;
  readonly ip?: string;
  readonly ip6?: string;
  readonly link: readonly string[];
  readonly linkLocalIp: readonly string[];
}

export default verb<Options>({
  usage: "[OPTIONS] NETWORK CONTAINER",
  about: "Connect a container to a network",
  flags: [
    flag("--alias", "strings", "Add network-scoped alias for the container"),
    flag("--driver-opt", "strings", "driver options for the network"),
    flag(
      "--gw-priority",
      "int",
      "Highest gw-priority provides the default gateway. Accepts positive and negative values.",
    ),
    flag("--ip", "string", 'IPv4 address (e.g., "172.30.100.104")'),
    flag("--ip6", "string", 'IPv6 address (e.g., "2001:db8::33")'),
    flag("--link", "list", "Add link to another container"),
    flag("--link-local-ip", "strings", "Add a link-local address for the container"),
  ],
  least: 2,
  most: 2,
  async run({ client }, [network = "", container = ""], options) {
    const { alias, driverOpt, gwPriority, ip, ip6, link, linkLocalIp } = options;
    link.forEach(checkLink);
    await client.post(
      networkPath(network, "connect"),
      {},
      {
        Container: container,
        EndpointConfig: {
          IPAMConfig: {
            ...(ip && { IPv4Address: ip }),
            ...(ip6 && { IPv6Address: ip6 }),
            ...(linkLocalIp.length > 0 && { LinkLocalIPs: linkLocalIp }),
          },
          Links: link,
          Aliases: alias,
          DriverOpts: driverOptions(driverOpt),
          GwPriority: gwPriority ?? 0,
        },
      },
    );
  },
});
