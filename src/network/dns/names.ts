/** The names by which an endpoint is found. */
import { type ContainerID, shortId } from "../../lib/ids.ts";

export interface NamedContainer {
  readonly id: ContainerID;
  /** Without a slash. */
  readonly name: string;
  readonly hostname: string;
}

/**
 * As in `DNSNames` of Docker's inspect: the container's name, aliases in their order, the short id, the hostname;
 * each once.
 */
export function dnsNames(container: NamedContainer, aliases: readonly string[]): readonly string[] {
  const names = [container.name, ...aliases, shortId(container.id), container.hostname];
  return [...new Set(names.filter((name) => name !== ""))];
}

/**
 * A name as it is looked up: its bytes (UTF-8) as Latin-1, ASCII letters lower-case (RFC 4343), no final dot. So
 * names from the wire, which may hold any bytes, and ours compare as plain strings.
 */
export function nameKey(name: string): string {
  return Buffer.from(name)
    .toString("latin1")
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/\.$/, "");
}
