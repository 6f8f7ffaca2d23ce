/** Options of one endpoint (`--driver-opt`), as far as the engine knows their names. */
import { invalid } from "../lib/errors.ts";
import type { NetnsPath, Plan } from "../linux/plan.ts";
import { sysctlComponent } from "../linux/sysctl.ts";
import { linkNameOption, type OptionValues, refuseUnknown } from "./option-values.ts";

const ENDPOINT_OPTION = {
  /** `net.ipv4.conf.IFNAME.log_martians=1`, several by commas. */
  sysctls: "com.docker.network.endpoint.sysctls",
  interfaceName: "com.docker.network.endpoint.ifname",
} as const;

interface Sysctl {
  /** What stands before and after the interface's name. */
  readonly before: string;
  readonly after: string;
  readonly value: string;
}

export interface EndpointOptions {
  readonly sysctls: readonly Sysctl[];
  readonly interfaceName?: string;
}

/** @throws invalid, in Docker's words where it has any */
export function endpointOptions(options: OptionValues = {}): EndpointOptions {
  refuseUnknown("endpoint", options, Object.values(ENDPOINT_OPTION));
  const interfaceName = linkNameOption(options, ENDPOINT_OPTION.interfaceName);
  return {
    sysctls: (options[ENDPOINT_OPTION.sysctls] ?? "")
      .split(",")
      .filter((text) => text !== "")
      .map(parseSysctl),
    ...(interfaceName !== undefined && { interfaceName }),
  };
}

/** Only an interface's own: all others are the namespace's, and the container's to ask for. */
function parseSysctl(text: string): Sysctl {
  // docker's command line makes it lower case.
  const match =
    /^(?<before>net\.(?:ipv4|ipv6|mpls)\.[a-z]\w*)\.(?:IFNAME|ifname)\.(?<after>\w+(?:\.\w+)*)=(?<value>.+)$/.exec(
      text,
    );
  const { before, after, value } = match?.groups ?? {};
  if (before === undefined || after === undefined || value === undefined) {
    throw invalid(
      `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', ` +
        "'X' must be 'ipv4', 'ipv6' or 'mpls'",
    );
  }
  return { before, after, value };
}

export const sysctlPlan = (options: OptionValues = {}, link: string, netns: NetnsPath): Plan =>
  endpointOptions(options).sysctls.map(({ before, after, value }) => ({
    do: "set-sysctl",
    netns,
    key: `${before}.${sysctlComponent(link)}.${after}`,
    value,
  }));
