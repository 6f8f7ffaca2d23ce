/** What Docker's network code refuses of containers, made or started. */
import type { Refusal } from "./networks-refusals.ts";

const ports = (...bindings: readonly (readonly [port: string, host: string, ip?: string])[]) => ({
  HostConfig: {
    PortBindings: Object.fromEntries(
      bindings.map(([port, HostPort, HostIp = ""]) => [port, [{ HostPort, HostIp }]]),
    ),
  },
});
const mode = (NetworkMode: string, more: object = {}) => ({ HostConfig: { NetworkMode, ...more } });
const attached = (network: string, settings: object, more: object = {}) => ({
  HostConfig: { NetworkMode: network },
  NetworkingConfig: { EndpointsConfig: { [network]: settings, ...more } },
});

/** Bodies of `POST /containers/create`, refused there. */
export const containers: readonly Refusal[] = [
  ["a port past 65535", ports(["80/tcp", "70000"]), 400, /^invalid port specification: "70000"$/],
  ["a negative port", ports(["80/tcp", "-1"]), 400, /^invalid port specification: "-1"$/],
  ["a range backwards", ports(["80/tcp", "9-8"]), 400, /^invalid port specification: "9-8"$/],
  ["an unknown protocol", ports(["80/odd", "9"]), 400, /^invalid proto: odd$/],
  ["a container's port 0", ports(["0/tcp", "9"]), 400, /^invalid port specification: "0\/tcp"$/],
  ["an address that is none", ports(["80/tcp", "9", "nonsense"]), 400, /^invalid IP address: nonsense$/],
  [
    "ports of another's namespace",
    mode("container:user", ports(["80/tcp", "9"]).HostConfig),
    400,
    /^conflicting options: port publishing and the container type network mode$/,
  ],
  [
    "links of another's namespace",
    mode("container:user", { Links: ["user:a"] }),
    400,
    /can't be used with links/,
  ],
  [
    "resolvers of another's namespace",
    mode("container:user", { Dns: ["192.0.2.1"] }),
    400,
    /^conflicting options: dns and the network mode$/,
  ],
  [
    "hosts of another's namespace",
    mode("container:user", { ExtraHosts: ["a:192.0.2.1"] }),
    400,
    /^conflicting options: custom host-to-IP mapping/,
  ],
  [
    "nobody's namespace",
    mode("container:"),
    400,
    /^invalid network mode: invalid container format container:<name\|id>$/,
  ],
  [
    "links of the host's namespace",
    mode("host", { Links: ["user:a"] }),
    400,
    /^conflicting options: host type networking can't be used with links/,
  ],
  [
    "networks beside the host's",
    attached("host", {}, { taken: {} }),
    400,
    /^container sharing network namespace with another container or host cannot be connected to any other network$/,
  ],
  ["a link to nobody", { HostConfig: { Links: ["nosuch:a"] } }, 400, /^could not get container for nosuch/],
  [
    "a link with three parts",
    { HostConfig: { Links: ["user:a:b"] } },
    400,
    /^bad format for links: user:a:b$/,
  ],
  [
    "a resolver that is no address",
    { HostConfig: { Dns: ["nonsense"] } },
    400,
    /^nonsense is not an IP address$/,
  ],
  [
    "a group's MAC address",
    attached("taken", { MacAddress: "01:00:5e:00:00:01" }),
    400,
    /^invalid MAC address/,
  ],
  [
    "an endpoint's address that is none",
    attached("taken", { IPAMConfig: { IPv4Address: "nonsense" } }),
    400,
    /invalid IPv4 address: nonsense$/,
  ],
];

/** Of containers that are made, and can't be started: they stay `created`, with exit code 128. */
export const starts: readonly Refusal[] = [
  [
    "a port of another container's",
    ports(["80/tcp", "8080"]),
    500,
    /^driver failed programming external connectivity on endpoint victim \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated$/,
  ],
  [
    "a free port and a taken one",
    ports(["80/tcp", "9100"], ["81/tcp", "8080"]),
    500,
    /Bind for 0\.0\.0\.0:8080 failed: port is already allocated$/,
  ],
  [
    "one port twice",
    ports(["80/tcp", "9100"], ["81/tcp", "9100"]),
    500,
    /9100 failed: port is already allocated$/,
  ],
  [
    "an address that is not the host's",
    ports(["80/tcp", "9", "192.0.2.55"]),
    500,
    /192\.0\.2\.55:9.*cannot assign requested address$/,
  ],
  ["an unknown network", mode("nosuch"), 404, /^network nosuch not found$/],
  ["a configuration", mode("base"), 403, /^cannot create endpoint on configuration-only network$/],
  [
    "a known and an unknown network",
    attached("taken", {}, { nosuch: {} }),
    404,
    /^network nosuch not found$/,
  ],
  ["an unknown container's namespace", mode("container:nosuch"), 404, /^No such container: nosuch$/],
  [
    "a created container's namespace",
    mode("container:idle"),
    409,
    /cannot join network of a non running container: [0-9a-f]{64}$/,
  ],
  [
    "a link to another network",
    { HostConfig: { Links: ["user:a"] } },
    409,
    /^Cannot link to \/user, as it does not belong to the default network$/,
  ],
  [
    "a link to what does not run",
    { HostConfig: { Links: ["idle:a"] } },
    409,
    /^Cannot link to a non running container: \/idle AS \/victim\/a$/,
  ],
  [
    "an address in use",
    attached("taken", { IPAMConfig: { IPv4Address: "10.20.0.9" } }),
    403,
    /^Address already in use$/,
  ],
  [
    "an address outside",
    attached("taken", { IPAMConfig: { IPv4Address: "10.99.0.9" } }),
    400,
    /no configured subnet contains IP address 10\.99\.0\.9$/,
  ],
  [
    "an address on the default bridge",
    attached("bridge", { IPAMConfig: { IPv4Address: "172.17.0.99" } }),
    400,
    /^user specified IP address is supported on user defined networks only$/,
  ],
  [
    "an alias on the default bridge",
    attached("bridge", { Aliases: ["x"] }),
    400,
    /^network-scoped alias is supported only for containers in user defined networks$/,
  ],
  ["none and another", attached("none", {}, { taken: {} }), 400, /in private \(none\) mode$/],
];
