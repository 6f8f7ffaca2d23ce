/**
 * Sysctls of one interface. Until 1.45 they stood among the container's own, by the interface's name
 * (`net.ipv4.conf.eth0.forwarding`); since then they are an option of its network's endpoint.
 */
import { invalid } from "../lib/errors.ts";
import { isAnothers } from "./network-modes.ts";
import type { Minor } from "./version.ts";

/** The endpoint's option: `net.ipv4.conf.IFNAME.forwarding=1,…`. */
export const INTERFACE_SYSCTLS = "com.docker.network.endpoint.sysctls";

const isOfInterface = (key: string): boolean => /^net\.[^.]+\.[^.]+\.eth[^.]*\.[^.]/.test(key);

export interface MovedSysctls {
  /** For the main network's endpoint. */
  readonly option: string;
  /** What is left to the container. */
  readonly rest: Readonly<Record<string, string>>;
  readonly warning: string;
}

/**
 * Undefined where there is none to move. Who shares another's namespace sets what it can.
 * @throws invalid in Docker's words from 1.48 on, and for another interface than the first
 */
export function moveInterfaceSysctls(
  sysctls: Readonly<Record<string, string>>,
  mode: string,
  minor: Minor,
): MovedSysctls | undefined {
  if (mode === "host" || isAnothers(mode)) return undefined;
  const keys = Object.keys(sysctls).filter(isOfInterface);
  const [first] = keys;
  if (first === undefined) return undefined;
  if (minor >= 48) {
    throw invalid(
      `interface specific sysctl setting ${JSON.stringify(first)} must be supplied using driver option '${INTERFACE_SYSCTLS}'`,
    );
  }
  const other = keys.find((key) => key.split(".")[3] !== "eth0");
  if (other !== undefined) {
    throw invalid(
      `unable to determine network endpoint for sysctl ${other}, use driver option '${INTERFACE_SYSCTLS}' to set per-interface sysctls`,
    );
  }
  const option = keys.map((key) => `${key.replace(".eth0.", ".IFNAME.")}=${sysctls[key]}`).join(",");
  return {
    option,
    rest: Object.fromEntries(Object.entries(sysctls).filter(([key]) => !keys.includes(key))),
    warning: `Migrated sysctl "${keys.join(",")}" to DriverOpts{"${INTERFACE_SYSCTLS}":"${option}"}.`,
  };
}
