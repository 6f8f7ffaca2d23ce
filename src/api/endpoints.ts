/** The networks that a container is created with, and what older clients said of them elsewhere. */
import type { EndpointSettings } from "../container/types.ts";
import { invalid } from "../lib/errors.ts";
import { type EndpointBody, endpointSettings } from "./endpoint-settings.ts";
import { INTERFACE_SYSCTLS } from "./interface-sysctls.ts";
import type { Minor } from "./version.ts";

type Endpoints = Readonly<Record<string, EndpointSettings>>;

/**
 * `EndpointsConfig` by network; before 1.44 there was one at most.
 * @param mode the network that `default` stands for
 * @throws invalid in Docker's words
 */
export function endpointsOf(
  given: Readonly<Record<string, EndpointBody>>,
  mode: string,
  minor: Minor,
): Endpoints {
  const names = Object.keys(given);
  if (minor < 44 && names.length > 1) {
    throw invalid(`Container cannot be created with multiple network endpoints: ${names.join(", ")}`);
  }
  return Object.fromEntries(
    Object.entries(given).map(([name, body]): [string, EndpointSettings] => {
      const { MacAddress, ...settings } = endpointSettings(body, minor);
      // Before 1.44 a network's settings had no such field, and clients sent back what they had been shown.
      const mac = minor >= 44 && MacAddress ? { MacAddress } : {};
      return [name === "default" ? mode : name, { ...settings, ...mac }];
    }),
  );
}

/** The network that the container's own settings mean: before 1.44, whichever it is made with. @throws invalid */
function mainOf(endpoints: Endpoints, mode: string, minor: Minor): string {
  const [first = mode] = Object.keys(endpoints);
  if (minor < 44 || first === mode || Object.hasOwn(endpoints, mode)) return minor < 44 ? first : mode;
  throw invalid("HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks");
}

/** With the container's own MAC address. @throws invalid in Docker's words where its network has another */
export function withMac(endpoints: Endpoints, mode: string, mac: string, minor: Minor): Endpoints {
  const main = mainOf(endpoints, mode, minor);
  const own = endpoints[main]?.MacAddress;
  if (own && own !== mac) {
    throw invalid(
      "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or should be left empty",
    );
  }
  return { ...endpoints, [main]: { ...endpoints[main], MacAddress: mac } };
}

/** With sysctls of the container's first interface. @throws invalid in Docker's words */
export function withSysctls(endpoints: Endpoints, mode: string, option: string, minor: Minor): Endpoints {
  const main = mainOf(endpoints, mode, minor);
  const { DriverOpts } = endpoints[main] ?? {};
  const own = DriverOpts?.[INTERFACE_SYSCTLS];
  // What was said of the endpoint itself comes later, and so wins.
  const both = own ? `${option},${own}` : option;
  return {
    ...endpoints,
    [main]: { ...endpoints[main], DriverOpts: { ...DriverOpts, [INTERFACE_SYSCTLS]: both } },
  };
}
