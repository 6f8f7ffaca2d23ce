/** `443/tcp, 0.0.0.0:8080->80/tcp`: ports as `ps` shows them (docker/cli, DisplayablePorts). */
import type { Port } from "./wire.ts";

/** Ports of one address and protocol that follow one another, the same inside and outside, or inside alone. */
interface Run {
  readonly first: Port;
  last: Port;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const order = (a: Port, b: Port): number =>
  a.PrivatePort - b.PrivatePort ||
  compare(a.IP ?? "", b.IP ?? "") ||
  (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
  compare(a.Type, b.Type);

const range = (first: number, last: number): string => (first === last ? `${first}` : `${first}-${last}`);

function show({ first, last }: Run): string {
  const inside = `${range(first.PrivatePort, last.PrivatePort)}/${first.Type}`;
  if (!first.PublicPort) return inside;
  const ip = first.IP ?? "";
  const outside = range(first.PublicPort, last.PublicPort ?? first.PublicPort);
  return `${ip.includes(":") ? `[${ip}]` : ip}:${outside}->${inside}`;
}

const continues = ({ last }: Run, port: Port): boolean =>
  (port.IP ?? "") === (last.IP ?? "") && port.Type === last.Type && port.PrivatePort === last.PrivatePort + 1;

/** Ports that become others outside come last, one by one. */
export function formatPorts(ports: readonly Port[]): string {
  const runs: Run[] = [];
  const mapped: Run[] = [];
  for (const port of ports.toSorted(order)) {
    if (port.PublicPort && port.PublicPort !== port.PrivatePort) {
      mapped.push({ first: port, last: port });
      continue;
    }
    const run = runs.find((one) => continues(one, port));
    if (run) run.last = port;
    else runs.push({ first: port, last: port });
  }
  return [...runs, ...mapped].map(show).join(", ");
}
