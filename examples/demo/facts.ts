/** What the drawing needs, read with the programs that a person would ask. */
import type { ThrowawayHost } from "../../test/support/host.ts";
import type { Bridge, End } from "./drawing.ts";

/** `ip -json -details address`, as far as it is read here. */
interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string;
  readonly link_index?: number;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

async function linksIn(host: ThrowawayHost, netns?: string): Promise<readonly IpLink[]> {
  const enter = netns === undefined ? [] : [`--net=${netns}`];
  const { stdout } = await host.run("nsenter", [...enter, "ip", "-json", "address"]);
  return JSON.parse(stdout);
}

function one(links: readonly IpLink[], about: string, is: (link: IpLink) => boolean): IpLink {
  const link = links.find(is);
  if (!link) throw new Error(`no link ${about}`);
  return link;
}

const address4 = (link: IpLink): string => {
  const address = link.addr_info.find(({ family }) => family === "inet");
  return address ? `${address.local}/${address.prefixlen}` : "no address";
};

/** Where a container's `eth0` is, and where the other end of its pair. @throws Error where the two don't name each other */
export async function endOf(host: ThrowawayHost, container: string): Promise<End> {
  const { stdout } = await host.docker("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", container);
  const inside = one(
    await linksIn(host, stdout.trim()),
    `eth0 in ${container}`,
    (link) => link.ifname === "eth0",
  );
  const outside = one(
    await linksIn(host),
    `whose other end is ${inside.ifindex} of ${container}`,
    (link) => link.ifindex === inside.link_index && link.link_index === inside.ifindex,
  );
  return {
    container,
    interfaceName: inside.ifname,
    ifindex: inside.ifindex,
    address: address4(inside),
    mac: inside.address,
    hostInterface: outside.ifname,
    hostIfindex: outside.ifindex,
  };
}

export async function bridgeOf(host: ThrowawayHost, name: string): Promise<Bridge> {
  const link = one(await linksIn(host), name, (link) => link.ifname === name);
  return { name, ifindex: link.ifindex, address: address4(link) };
}
