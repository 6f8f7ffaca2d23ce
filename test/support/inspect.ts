/** What tests of the whole engine ask the real programs, as typed values. */
import assert from "node:assert/strict";
import type { ThrowawayHost } from "./host.ts";

/** `docker inspect`, as far as tests read it. */
export interface Inspected {
  readonly Id: string;
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly ExitCode: number;
    readonly Pid: number;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly NetworkSettings: {
    readonly SandboxID: string;
    readonly SandboxKey: string;
    readonly EndpointID: string;
    readonly IPAddress: string;
    readonly MacAddress: string;
    readonly Networks: Readonly<
      Record<string, { EndpointID: string; IPAddress: string; MacAddress: string; Gateway: string }>
    >;
  };
}

export async function inspect(host: ThrowawayHost, container: string): Promise<Inspected> {
  const { stdout } = await host.docker("inspect", container);
  const [found] = JSON.parse(stdout) as Inspected[];
  assert.ok(found, `docker inspect ${container} is empty`);
  return found;
}

/** `docker network inspect`, as far as tests read it. */
export interface InspectedNetwork {
  readonly Id: string;
  readonly Containers: Readonly<
    Record<string, { Name: string; EndpointID: string; MacAddress: string; IPv4Address: string }>
  >;
  readonly Options: Readonly<Record<string, string>>;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string; readonly Gateway: string }[] };
}

export async function inspectNetwork(host: ThrowawayHost, network: string): Promise<InspectedNetwork> {
  const { stdout } = await host.docker("network", "inspect", network);
  const [found] = JSON.parse(stdout) as InspectedNetwork[];
  assert.ok(found, `docker network inspect ${network} is empty`);
  return found;
}

/** `ip -json -details address`, as far as tests read it. */
export interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly ifalias?: string;
  readonly link_index?: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly address: string;
  readonly mtu: number;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly broadcast?: string;
  }[];
}

/** All links of the host, or of a namespace by its path. */
export async function linksOf(host: ThrowawayHost, netns?: string): Promise<readonly IpLink[]> {
  const enter = netns === undefined ? [] : [`--net=${netns}`];
  const { stdout } = await host.run("nsenter", [...enter, "ip", "-json", "-details", "address"]);
  return JSON.parse(stdout) as IpLink[];
}

/** The ports of a bridge. */
export const portsOf = async (host: ThrowawayHost, bridge: string): Promise<readonly IpLink[]> =>
  (await linksOf(host)).filter(({ master }) => master === bridge);

/** The one that `is`. */
export function only<T>(values: readonly T[], about: string, is: (value: T) => boolean): T {
  const found = values.filter(is);
  const [first] = found;
  assert.ok(first !== undefined && found.length === 1, `${found.length} of ${about}`);
  return first;
}
