/** `0.0.0.0:8080->80/tcp, 443/tcp`: ports as `ps` shows them (docker/cli, DisplayablePorts). */
import type { Port } from "./wire.ts";

/** Ports of one address and protocol that follow one another, private and public alike. */
interface Run {
  readonly ip: string;
  readonly type: string;
  readonly first: Port;
  last: Port;
}

const order = (a: Port, b: Port): number =>
  a.PrivatePort - b.PrivatePort ||
  (a.IP ?? "").localeCompare(b.IP ?? "") ||
  (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
  a.Type.localeCompare(b.Type);

const range = (first: number, last: number): string => (first === last ? `${first}` : `${first}-${last}`);

function show({ ip, type, first, last }: Run): string {
  const inside = `${range(first.PrivatePort, last.PrivatePort)}/${type}`;
  if (!first.PublicPort) return inside;
  const outside = range(first.PublicPort, last.PublicPort ?? first.PublicPort);
  return `${ip.includes(":") ? `[${ip}]` : ip}:${outside}->${inside}`;
}

/** Joins a run only where both sides go on by one; a public port that isn't its private one stands alone, as in Docker. */
function continues(run: Run, port: Port): boolean {
  if (run.ip !== (port.IP ?? "") || run.type !== port.Type) return false;
  if (port.PrivatePort !== run.last.PrivatePort + 1) return false;
  if (!port.PublicPort || !run.last.PublicPort) return !port.PublicPort && !run.last.PublicPort;
  const same = port.PublicPort === port.PrivatePort && run.last.PublicPort === run.last.PrivatePort;
  return same && port.PublicPort === run.last.PublicPort + 1;
}

export function formatPorts(ports: readonly Port[]): string {
  const runs: Run[] = [];
  for (const port of ports.toSorted(order)) {
    const run = runs.find((one) => continues(one, port));
    if (run) run.last = port;
    else runs.push({ ip: port.IP ?? "", type: port.Type, first: port, last: port });
  }
  return runs.map(show).join(", ");
}
