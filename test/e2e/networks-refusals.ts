/** What Docker's network code refuses of networks, connections, and disconnections. */

/** The words are those of the error body. */
export type Refusal = readonly [what: string, asked: unknown, status: number, says: RegExp];

const pool = (...Config: readonly Readonly<Record<string, unknown>>[]) => ({ IPAM: { Config } });
const inTaken = (more: Readonly<Record<string, unknown>>) => pool({ Subnet: "10.21.0.0/24", ...more });
const option = (name: string, value: string) => ({ Options: { [`com.docker.network.${name}`]: value } });
const macvlan = (Options: Readonly<Record<string, string>>) => ({ Driver: "macvlan", Options });

/** Bodies of `POST /networks/create`, beside `Name: "x"`. */
export const creations: readonly Refusal[] = [
  ["no name", { Name: "" }, 400, /^invalid name: name is empty$/],
  ["a name of spaces", { Name: " " }, 400, /^invalid name: name is empty$/],
  ...["bridge", "host", "none", "default"].map(
    (Name): Refusal => [
      `the name ${Name}`,
      { Name },
      403,
      new RegExp(`^operation is not permitted on predefined ${Name} network$`),
    ],
  ),
  ["a name that there is", { Name: "taken" }, 409, /^network with name taken already exists$/],
  [
    "an unknown driver",
    { Driver: "nosuch" },
    404,
    /^plugin "nosuch" not found: the network drivers are bridge, /,
  ],
  [
    "a driver that is not built in",
    { Driver: "overlay" },
    501,
    /overlay is not built in: the network drivers are /,
  ],
  ["a second host network", { Driver: "host" }, 403, /^only one instance of "host" network is allowed$/],
  ["a second none network", { Driver: "null" }, 403, /^only one instance of "null" network is allowed$/],
  ["an unknown IPAM driver", { IPAM: { Driver: "nosuch" } }, 404, /^plugin "nosuch" not found/],
  ["a bridge without IPAM", { IPAM: { Driver: "null" } }, 400, /^ipv4 pool is empty$/],
  [
    "a subnet for the null IPAM",
    { IPAM: { Driver: "null", Config: [{ Subnet: "10.21.0.0/24" }] } },
    400,
    /^null ipam driver does not handle specific address pool requests$/,
  ],
  [
    "a swarm's scope",
    { Scope: "swarm" },
    403,
    /^cannot create a swarm scoped network when swarm is not active$/,
  ],
  ["an ingress network", { Ingress: true }, 403, /^Ingress network can only be global scope network$/],
  ["neither family", { EnableIPv4: false }, 400, /^IPv4 or IPv6 must be enabled$/],
  [
    "an unknown configuration",
    { ConfigFrom: { Network: "nosuch" } },
    404,
    /^configuration network "nosuch" does not exist$/,
  ],
  [
    "a configuration that is none",
    { ConfigFrom: { Network: "taken" } },
    404,
    /^configuration network "taken" does not exist$/,
  ],
  [
    "a configuration from a configuration",
    { ConfigOnly: true, ConfigFrom: { Network: "base" } },
    403,
    /^a configuration network cannot depend on another configuration network$/,
  ],
  [
    "an internal configuration",
    { ConfigOnly: true, Internal: true },
    403,
    /^configuration network can only contain/,
  ],
  [
    "options beside a configuration",
    { ConfigFrom: { Network: "base" }, ...option("driver.mtu", "1400") },
    403,
    /^network driver options are not supported if the network depends on a configuration network$/,
  ],
  [
    "a subnet beside a configuration",
    { ConfigFrom: { Network: "base" }, ...inTaken({}) },
    403,
    /^user-specified configurations are not supported if the network depends on a configuration network$/,
  ],
  [
    "a subnet within another network's",
    pool({ Subnet: "10.20.3.0/24" }),
    403,
    /^Pool overlaps with other one on this address space: 10\.20\.3\.0\/24 with 10\.20\.0\.0\/16 of network taken$/,
  ],
  [
    "a subnet of the host's",
    pool({ Subnet: "203.0.113.0/25" }),
    403,
    /^Pool overlaps with other one on this address space: .*203\.0\.113\.0\/24 of link eth0$/,
  ],
  [
    "a subnet that is none",
    pool({ Subnet: "nonsense" }),
    400,
    /invalid subnet nonsense: invalid CIDR block notation$/,
  ],
  [
    "a prefix of 33 bits",
    pool({ Subnet: "10.0.0.0/33" }),
    400,
    /invalid subnet 10\.0\.0\.0\/33: invalid CIDR block/,
  ],
  ["a subnet with host bits", pool({ Subnet: "10.21.0.7/24" }), 400, /it should be 10\.21\.0\.0\/24$/],
  ["a loopback subnet", pool({ Subnet: "127.0.0.0/24" }), 400, /127\.0\.0\.0\/8 are not for hosts/],
  ["a multicast subnet", pool({ Subnet: "224.0.0.0/24" }), 400, /not for hosts/],
  ["a subnet of one address", pool({ Subnet: "10.21.0.0/32" }), 400, /too small/],
  [
    "two subnets, one in the other",
    pool({ Subnet: "10.21.0.0/16" }, { Subnet: "10.21.1.0/24" }),
    400,
    /overlaps/,
  ],
  [
    "a gateway outside",
    inTaken({ Gateway: "10.22.0.1" }),
    400,
    /invalid gateway 10\.22\.0\.1: parent subnet 10\.21\.0\.0\/24 doesn't contain this address$/,
  ],
  [
    "a gateway that is none",
    inTaken({ Gateway: "nonsense" }),
    400,
    /invalid gateway nonsense: invalid address$/,
  ],
  [
    "a gateway of the other family",
    inTaken({ Gateway: "fd00::1" }),
    400,
    /invalid gateway fd00::1: parent subnet is an IPv4 block$/,
  ],
  [
    "the subnet's own address as gateway",
    inTaken({ Gateway: "10.21.0.0" }),
    403,
    /^failed to allocate gateway \(10\.21\.0\.0\): Address already in use$/,
  ],
  [
    "a gateway without a subnet",
    pool({ Gateway: "10.21.0.1" }),
    400,
    /every ip-range or gateway must have a corresponding subnet$/,
  ],
  [
    "a range outside",
    inTaken({ IPRange: "10.22.0.0/25" }),
    400,
    /invalid ip-range 10\.22\.0\.0\/25: parent subnet 10\.21\.0\.0\/24 doesn't contain ip-range$/,
  ],
  [
    "a range larger than its subnet",
    inTaken({ IPRange: "10.21.0.0/16" }),
    400,
    /CIDR block is bigger than its parent subnet 10\.21\.0\.0\/24$/,
  ],
  ["a range with host bits", inTaken({ IPRange: "10.21.0.9/28" }), 400, /it should be 10\.21\.0\.0\/28$/],
  [
    "an auxiliary address outside",
    inTaken({ AuxiliaryAddresses: { a: "10.22.0.1" } }),
    400,
    /invalid auxiliary address a: parent subnet/,
  ],
  [
    "an auxiliary address that is the gateway",
    inTaken({ Gateway: "10.21.0.1", AuxiliaryAddresses: { a: "10.21.0.1" } }),
    403,
    /^failed to allocate secondary ip address \(a:10\.21\.0\.1\): Address already in use$/,
  ],
  [
    "an option that there is not",
    option("bridge.nosuch", "1"),
    400,
    /^unknown network option com\.docker\.network\.bridge\.nosuch/,
  ],
  [
    "a slip in an option",
    option("bridge.enable_ic", "1"),
    400,
    /did you mean com\.docker\.network\.bridge\.enable_icc\?/,
  ],
  [
    "a slip in an option of ours",
    { Options: { "drawbridge.spoof-gard": "1" } },
    400,
    /did you mean drawbridge\.spoof-guard\?/,
  ],
  [
    "icc=maybe",
    option("bridge.enable_icc", "maybe"),
    400,
    /^failed to parse .*ParseBool: parsing "maybe": invalid syntax/,
  ],
  ["mtu=many", option("driver.mtu", "many"), 400, /Atoi: parsing "many": invalid syntax/],
  ["mtu=1", option("driver.mtu", "1"), 400, /^invalid MTU number: 1 /],
  ["a bridge's name too long", option("bridge.name", "much-too-long-a-name"), 400, /at most 15 letters/],
  [
    "another network's bridge",
    option("bridge.name", "docker0"),
    403,
    /conflicts with network [0-9a-f]{64} \(docker0\): networks have same bridge name$/,
  ],
  [
    "a link that is no bridge",
    option("bridge.name", "eth0"),
    409,
    /^existing interface eth0 is not a bridge$/,
  ],
  ["an unknown gateway mode", option("bridge.gateway_mode_ipv4", "odd"), 400, /unknown gateway mode odd/],
  [
    "an isolated gateway where it is not internal",
    option("bridge.gateway_mode_ipv4", "isolated"),
    400,
    /^gateway mode 'isolated' can only be used for an internal network$/,
  ],
  [
    "a host binding that is no address",
    option("bridge.host_binding_ipv4", "odd"),
    400,
    /^failed to parse .*host_binding_ipv4 value: odd \(nil ip\)$/,
  ],
  ["a source address of the other family", option("host_ipv4", "fd00::1"), 400, /fd00::1 is no IPv4 address/],
  ["macvlan without a parent", macvlan({}), 501, /pass --opt parent=LINK/],
  [
    "macvlan on a link that there is not",
    macvlan({ parent: "nosuch0" }),
    400,
    /^invalid subinterface vlan name nosuch0/,
  ],
  [
    "macvlan on lo",
    macvlan({ parent: "lo" }),
    400,
    /^loopback interface is not a valid macvlan parent link$/,
  ],
  [
    "an unknown macvlan mode",
    macvlan({ parent: "eth0", macvlan_mode: "odd" }),
    400,
    /^requested macvlan mode 'odd' is not valid/,
  ],
  ["VLAN 4095", macvlan({ parent: "eth0.4095" }), 400, /^vlan id must be between 1-4094, received: 4095$/],
];

const address = (IPv4Address: string) => ({ EndpointConfig: { IPAMConfig: { IPv4Address } } });
const endpointOption = (name: string, value: string) => ({
  EndpointConfig: { DriverOpts: { [`com.docker.network.endpoint.${name}`]: value } },
});

/** Of `POST /networks/<network>/connect`: network and container, and the body's rest. */
export const connections: readonly Refusal[] = [
  ["nosuch user", {}, 404, /^network nosuch not found$/],
  ["taken nosuch", {}, 404, /^No such container: nosuch$/],
  ["taken user", {}, 403, /^endpoint with name user already exists in network taken$/],
  ["taken idle", {}, 403, /^endpoint with name idle already exists in network taken$/],
  ["base plain", {}, 403, /^cannot create endpoint on configuration-only network$/],
  [
    "taken hosted",
    {},
    400,
    /^container sharing network namespace with another container or host cannot be connected to any other network$/,
  ],
  [
    "host plain",
    {},
    400,
    /^container cannot be disconnected from host network or connected to host network$/,
  ],
  [
    "taken alone",
    {},
    400,
    /^container cannot be connected to multiple networks with one of the networks in private \(none\) mode$/,
  ],
  ["none plain", {}, 400, /in private \(none\) mode$/],
  ["taken guest", {}, 400, /^container sharing network namespace with another container or host/],
  ["taken plain", address("10.20.0.9"), 403, /^Address already in use$/],
  ["taken plain", address("10.20.0.1"), 403, /^Address already in use$/],
  ["taken plain", address("10.20.0.0"), 403, /^Address already in use$/],
  ["taken plain", address("10.99.0.9"), 400, /no configured subnet contains IP address 10\.99\.0\.9$/],
  ["taken plain", address("nonsense"), 400, /^invalid endpoint settings:\ninvalid IPv4 address: nonsense$/],
  [
    "taken plain",
    { EndpointConfig: { IPAMConfig: { IPv6Address: "fd00::9" } } },
    400,
    /^user specified IP address is supported only when connecting to networks with user configured subnets$/,
  ],
  [
    "loose plain",
    address("172.31.0.9"),
    400,
    /only when connecting to networks with user configured subnets$/,
  ],
  [
    "bridge user",
    address("172.17.0.50"),
    400,
    /^user specified IP address is supported on user defined networks only$/,
  ],
  [
    "bridge user",
    { EndpointConfig: { Aliases: ["x"] } },
    400,
    /^network-scoped alias is supported only for containers in user defined networks$/,
  ],
  ["taken plain", { EndpointConfig: { MacAddress: "nonsense" } }, 400, /^invalid MAC address: nonsense$/],
  [
    "taken plain",
    { EndpointConfig: { MacAddress: "01:00:5e:00:00:01" } },
    400,
    /^invalid MAC address: .*group address$/,
  ],
  ["taken plain", { EndpointConfig: { Links: ["user:a:b"] } }, 400, /^bad format for links: user:a:b$/],
  ["taken plain", endpointOption("nosuch", "1"), 400, /^unknown endpoint option/],
  [
    "taken plain",
    endpointOption("ifname", "eth0"),
    409,
    /^an interface named eth0 is in this sandbox already$/,
  ],
  ["taken plain", endpointOption("ifname", "lo"), 400, /a link's name is wanted/],
  [
    "taken plain",
    endpointOption("sysctls", "net.ipv4.ip_forward=1"),
    400,
    /^unrecognised network interface sysctl/,
  ],
  ["taken plain", endpointOption("sysctls", "net.ipv4.conf.IFNAME.nosuch=1"), 500, /eth1\.nosuch/],
];

export const disconnections: readonly Refusal[] = [
  ["nosuch user", {}, 404, /^network nosuch not found$/],
  ["taken nosuch", {}, 404, /^No such container: nosuch$/],
  ["taken plain", {}, 404, /^container [0-9a-f]{64} is not connected to network taken$/],
  ["bridge user", {}, 404, /is not connected to network bridge$/],
  [
    "host hosted",
    {},
    400,
    /^container cannot be disconnected from host network or connected to host network$/,
  ],
];
