/** Where the engine listens: `-H` and `hosts`. */
import { isAbsolute } from "node:path";
import { isLoopback } from "../api/listen.ts";
import { invalid } from "../lib/errors.ts";
import { tryParseAddress } from "../lib/ip.ts";

/** Paths of PEM files. Without `ca` clients are not verified. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert: string;
  readonly key: string;
}

/** A socket to be. */
export type Where =
  | { readonly kind: "unix"; readonly path: string; readonly group?: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls?: TlsFiles };

export const DEFAULT_SOCKET = "/run/drawbridge.sock";

/** How one is written in messages: `unix:///run/drawbridge.sock`, `tcp://127.0.0.1:2375`. */
export function formatWhere(where: Where): string {
  if (where.kind === "unix") return `unix://${where.path}`;
  return `tcp://${where.host.includes(":") ? `[${where.host}]` : where.host}:${where.port}`;
}

function parseUnix(path: string, group: string | undefined): Where {
  const whole = path || DEFAULT_SOCKET;
  if (!isAbsolute(whole)) throw invalid("the socket's path must be absolute: unix:///run/drawbridge.sock");
  // sockaddr_un.sun_path, unix(7): 108 bytes with the final zero.
  if (Buffer.byteLength(whole) > 107) throw invalid("the socket's path is longer than 107 bytes");
  return { kind: "unix", path: whole, ...(group !== undefined && { group }) };
}

function parseTcp(rest: string, tls: TlsFiles | undefined): Where {
  const match = /^(?:\[(?<six>[^\]]*)\]|(?<host>[^:/]*))(?::(?<port>\d*))?\/?$/.exec(rest);
  if (!match?.groups) throw invalid("ADDRESS:PORT is wanted: tcp://127.0.0.1:2375");
  const { six, host, port } = match.groups;
  const name = six ?? (host || "127.0.0.1");
  const wrong = six !== undefined ? tryParseAddress(six)?.family !== 6 : !isHost(name);
  if (wrong) throw invalid(`${name} is neither an address of this host nor localhost`);
  const number = port ? Number(port) : tls ? 2376 : 2375;
  if (number < 1 || number > 65535) throw invalid(`${number} is not a port between 1 and 65535`);
  if (!isLoopback(name) && !tls?.ca) {
    throw invalid(
      "anyone who reaches this address would be root on this host; pass --tlsverify with --tlscacert, --tlscert and --tlskey, or listen on 127.0.0.1",
    );
  }
  return { kind: "tcp", host: name, port: number, ...(tls && { tls }) };
}

const isHost = (name: string): boolean => name === "localhost" || tryParseAddress(name)?.family === 4;

/**
 * @param text `unix://[PATH]`, `tcp://[ADDRESS][:PORT]`; without a scheme tcp, as dockerd has it.
 * @throws invalid: what is wrong with it, without the text itself
 */
export function parseHost(
  text: string,
  options: { group?: string | undefined; tls?: TlsFiles | undefined },
): Where {
  const trimmed = text.trim();
  const [scheme, rest] = trimmed.includes("://")
    ? [trimmed.slice(0, trimmed.indexOf("://")), trimmed.slice(trimmed.indexOf("://") + 3)]
    : ["tcp", trimmed];
  switch (scheme) {
    case "unix":
      return parseUnix(rest, options.group);
    case "tcp":
      return parseTcp(rest, options.tls);
    case "fd":
      throw invalid("sockets handed over by systemd are not built in; pass unix:///run/drawbridge.sock");
    default:
      throw invalid(`${scheme}:// is not built in; pass unix://PATH or tcp://ADDRESS:PORT`);
  }
}
