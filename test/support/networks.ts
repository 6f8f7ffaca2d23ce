/** What tests ask the networks for, where nothing else is said. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ContainerID, newId } from "../../src/lib/ids.ts";
import { parseAddress } from "../../src/lib/ip.ts";
import type { NetworkSettings } from "../../src/network/settings.ts";
import type { SandboxRequest } from "../../src/network/types.ts";

export const settings: NetworkSettings = {
  bridge: { name: "docker0", mtu: 1500, icc: true, ipv6: false, hostBindingIp: parseAddress("0.0.0.0") },
  ipMasq: true,
  ipForward: true,
  ipForwardNoDrop: false,
  firewallAdmit: false,
  defaultAddressPools: [],
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
};

/** A new container of this name on the default network; its files go into a directory of its own below `root`. */
export function sandboxRequest(
  root: string,
  name: string,
  more: Partial<SandboxRequest> = {},
): SandboxRequest {
  const directory = join(root, name);
  mkdirSync(directory, { recursive: true });
  return {
    container: newId<ContainerID>(),
    containerName: name,
    hostname: name,
    domainname: "",
    mode: { kind: "own", endpoints: [{ network: "bridge" }] },
    directory,
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    sysctls: {},
    ports: [],
    exposed: [],
    ...more,
  };
}
