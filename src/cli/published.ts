/** `80/tcp -> 0.0.0.0:8080`: published ports as `port` prints them. */
import { compareNaturally } from "./natural.ts";
import type { PortMap } from "./wire.ts";

type Frontend = NonNullable<PortMap[string]>[number];

/** `[::]:8080`. */
export const hostPort = ({ HostIp, HostPort }: Frontend): string =>
  `${HostIp.includes(":") ? `[${HostIp}]` : HostIp}:${HostPort}`;

export const sortedLines = (lines: readonly string[]): string =>
  lines
    .toSorted(compareNaturally)
    .map((line) => `${line}\n`)
    .join("");

/** All of them, or those of some of the container's ports. */
export const publishedLines = (ports: PortMap, of: readonly string[] = Object.keys(ports)): string =>
  sortedLines(of.flatMap((key) => (ports[key] ?? []).map((frontend) => `${key} -> ${hostPort(frontend)}`)));
