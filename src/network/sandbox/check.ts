/** What a container may ask of its networks, in Docker's words where it may not. */
import { forbidden, invalid } from "../../lib/errors.ts";
import { type Family, tryParseAddress } from "../../lib/ip.ts";
import { isDefault } from "../defaults.ts";
import { endpointOptions } from "../endpoint-options.ts";
import { poolsOf } from "../family.ts";
import { parseExtraHost } from "../files/hosts.ts";
import { checkPublishRequest } from "../port/requests.ts";
import type { EndpointRequest, Network, Networks, SandboxRequest } from "../types.ts";

/** Refuse what can never work, whatever networks there are. @throws invalid */
export const checkRequest: Networks["check"] = ({ mode, dns, extraHosts, sysctls, ports }) => {
  for (const port of ports) checkPublishRequest(port);
  if (mode.kind === "container") {
    if (dns.length > 0) throw invalid("conflicting options: dns and the network mode");
    if (extraHosts.length > 0) {
      throw invalid("conflicting options: custom host-to-IP mapping and the network mode");
    }
  }
  for (const address of dns) {
    if (!tryParseAddress(address)) throw invalid(`${address} is not an IP address`);
  }
  for (const host of extraHosts) parseExtraHost(host);
  for (const key of Object.keys(sysctls)) checkSysctl(key, mode.kind);
};

function checkSysctl(key: string, mode: SandboxRequest["mode"]["kind"]): void {
  if (!/^net(\.[^.\s]+)+$/.test(key)) throw invalid(`sysctl '${key}' is not of a network namespace`);
  if (mode === "host") throw invalid(`sysctl '${key}' is not allowed in the host's network namespace`);
}

/** Refuse what a network does not offer. @throws invalid */
export function checkEndpoint(network: Network, request: EndpointRequest): void {
  const { address, address6, aliases, driverOptions } = request;
  endpointOptions(driverOptions);
  if (network.configOnly) {
    throw forbidden("cannot create endpoint on configuration-only network");
  }
  if (isDefault(network)) {
    if (address || address6) {
      throw invalid("user specified IP address is supported on user defined networks only");
    }
    if (aliases?.length) {
      throw invalid("network-scoped alias is supported only for containers in user defined networks");
    }
    return;
  }
  if ((address && !chosen(network, 4)) || (address6 && !chosen(network, 6))) {
    throw invalid(
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    );
  }
}

/** Whether the user chose its subnet of this family. */
const chosen = (network: Network, family: Family): boolean =>
  poolsOf(network, family).some(({ automatic }) => !automatic);
