/** Ports that nobody named: of the kernel's range for its own, ip-sysctl `ip_local_port_range`. */
import { readFileSync } from "node:fs";
import type { Protocol } from "./types.ts";

/** Both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface LocalPorts extends PortRange {
  /** `ip_local_reserved_ports`: kept for programs that name them. */
  readonly reserved: readonly PortRange[];
}

const SYSCTL = "/proc/sys/net/ipv4";

export function readLocalPorts(): LocalPorts {
  const [first = 32768, last = 60999] = readFileSync(`${SYSCTL}/ip_local_port_range`, "utf8")
    .trim()
    .split(/\s+/)
    .map(Number);
  return { first, last, reserved: parsePorts(readFileSync(`${SYSCTL}/ip_local_reserved_ports`, "utf8")) };
}

/** `8080,9148-9150`; nothing for none. */
export const parsePorts = (text: string): readonly PortRange[] =>
  text
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [first = 0, last = first] = part.split("-").map(Number);
      return { first, last };
    });

export function* within({ first, last }: PortRange): Generator<number> {
  for (let port = first; port <= last; port += 1) yield port;
}

/** Goes around the range, as Docker does: a port that was given back is not the next one given. */
export class Rotation {
  readonly #last = new Map<Protocol, number>();

  /** All that may be tried, each once, beginning after the last that was given. */
  *candidates(protocol: Protocol, { first, last, reserved }: LocalPorts): Generator<number> {
    const before = this.#last.get(protocol) ?? last;
    const start = before >= first && before < last ? before + 1 : first;
    const isReserved = (port: number) => reserved.some((range) => port >= range.first && port <= range.last);
    for (const port of within({ first: start, last })) if (!isReserved(port)) yield port;
    for (const port of within({ first, last: start - 1 })) if (!isReserved(port)) yield port;
  }

  given(protocol: Protocol, port: number): void {
    this.#last.set(protocol, port);
  }
}
