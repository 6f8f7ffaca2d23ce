/** The grammar of ends: `FROM`, and `TO[:PORT][/PROTOCOL]`. */
import { invalid } from "../../lib/errors.ts";
import type { Protocol } from "../types.ts";

export interface Asked {
  /** A container, `host`, `outside`, an address without its brackets, a name. */
  readonly name: string;
  readonly protocol: Protocol;
  /** Of TCP and UDP. */
  readonly port?: number;
}

const PROTOCOLS: readonly Protocol[] = ["icmp", "tcp", "udp"];

/** `[2001:db8::1]:80/tcp`, `2001:db8::1`, `db:5432`, `host/icmp`: a name with more than one colon is an IPv6 address. */
const FORM =
  /^(?:\[(?<six>[^\]]+)\]|(?<bare>[^/[\]]*:[^/[\]]*:[^/[\]]*)|(?<name>[^:/[\]]+))(?::(?<port>[^/]*))?(?:\/(?<protocol>.*))?$/;

/**
 * With a port it is TCP, without one an ICMP echo.
 * @throws invalid
 */
export function parseTo(text: string): Asked {
  const parts = FORM.exec(text)?.groups;
  const name = parts?.six ?? parts?.bare ?? parts?.name;
  if (!parts || name === undefined)
    throw invalid(`${JSON.stringify(text)} is no end: TO[:PORT[/tcp|udp|icmp]] is wanted`);
  const protocol = parts.protocol ?? (parts.port === undefined ? "icmp" : "tcp");
  const known = PROTOCOLS.find((one) => one === protocol.toLowerCase());
  if (!known)
    throw invalid(`${JSON.stringify(protocol)} in ${JSON.stringify(text)} is none of tcp, udp, icmp`);
  if (known === "icmp") {
    if (parts.port !== undefined) throw invalid(`ICMP has no ports: ${name}/icmp is wanted, not ${text}`);
    return { name, protocol: known };
  }
  if (parts.port === undefined) throw invalid(`a port is wanted: ${name}:PORT/${known}`);
  return { name, protocol: known, port: parsePort(parts.port) };
}

/** @throws invalid */
function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw invalid(`${JSON.stringify(text)} is no port: 1 to 65535 is wanted`);
  return port;
}

/** Brackets around an IPv6 address are taken off. @throws invalid */
export function parseFrom(text: string): string {
  const six = /^\[(.+)\]$/.exec(text)?.[1];
  if (six !== undefined) return six;
  const [, name, port] = /^([^:]+):(\d+)$/.exec(text) ?? [];
  if (name === undefined) return text;
  throw invalid(`FROM has no port: ${name} and --source-port ${port} are wanted, not ${text}`);
}
