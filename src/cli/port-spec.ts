/** Ports as Docker's users write them (`-p`, `--expose`, `port add`), as the API takes them. */
import { tryParseAddress } from "../lib/ip.ts";

export interface Binding {
  readonly HostIp: string;
  /** A range where one of it is wanted; empty for any. */
  readonly HostPort: string;
}

/** What is published, by `80/tcp`. */
export type PortBindings = Readonly<Record<string, readonly Binding[]>>;

interface Range {
  readonly first: number;
  readonly last: number;
}

/** `80`, `7000-7009`; undefined for anything else. */
function parseRange(text: string, least = 1): Range | undefined {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  return range.first >= least && range.first <= range.last && range.last <= 0xffff ? range : undefined;
}

const countOf = ({ first, last }: Range): number => last - first + 1;
const portsOf = (range: Range): number[] => Array.from({ length: countOf(range) }, (_, i) => range.first + i);

/** `80/udp` in two. Without a protocol it is tcp. */
function splitProtocol(text: string): readonly [port: string, protocol: string] {
  const [port = "", protocol] = text.split("/");
  return [port, (protocol || "tcp").toLowerCase()];
}

function checkProtocol(protocol: string): void {
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw new Error(`invalid proto: ${protocol}`);
}

/** `published=8080,target=80,protocol=udp` in the short form. */
function shortForm(spec: string): string {
  if (!spec.includes("=")) return spec;
  const given: Record<string, string> = { protocol: "tcp", published: "", target: "" };
  for (const field of spec.split(",")) {
    const equals = field.indexOf("=");
    if (equals < 1) throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    given[field.slice(0, equals)] = field.slice(equals + 1);
  }
  return `${given.published}:${given.target}/${given.protocol}`;
}

/** `[ip:][hostPort]:]containerPort`: an IPv6 address may stand without its brackets. */
function splitSpec(spec: string): readonly [ip: string, hostPort: string, port: string] {
  const parts = spec.split(":");
  const port = parts.pop() ?? "";
  const hostPort = parts.pop() ?? "";
  return [parts.join(":").replace(/^\[(.*)\]$/, "$1"), hostPort, port];
}

/** @throws in Docker's words */
function parsePortSpec(spec: string): readonly (readonly [key: string, binding: Binding])[] {
  const [ip, hostPort, target] = splitSpec(shortForm(spec));
  const [port, protocol] = splitProtocol(target);
  if (ip !== "" && !tryParseAddress(ip)) throw new Error(`invalid IP address: ${ip}`);
  if (port === "") throw new Error(`no port specified: ${spec}<empty>`);
  const inside = parseRange(port);
  if (!inside) throw new Error(`invalid containerPort: ${port}`);
  // The host's port 0 asks for any.
  const outside = hostPort === "" ? undefined : parseRange(hostPort, 0);
  if (hostPort !== "" && !outside) throw new Error(`invalid hostPort: ${hostPort}`);
  if (outside && countOf(inside) > 1 && countOf(inside) !== countOf(outside)) {
    throw new Error(`invalid ranges specified for container and host Ports: ${port} and ${hostPort}`);
  }
  checkProtocol(protocol);
  return portsOf(inside).map((number, i) => {
    // For one port, a range of the host's is where a free one is looked for.
    const one = countOf(inside) === 1 && outside && countOf(outside) > 1;
    const HostPort = one ? hostPort : outside ? String(outside.first + i) : "";
    return [`${number}/${protocol}`, { HostIp: ip, HostPort }];
  });
}

/** `[ip:][hostPort[-end]:]port[-end][/tcp|udp|sctp]` each. @throws in Docker's words */
export function parsePortSpecs(specs: readonly string[]): PortBindings {
  const bindings: Record<string, Binding[]> = {};
  for (const [key, binding] of specs.flatMap(parsePortSpec)) {
    bindings[key] = [...(bindings[key] ?? []), binding];
  }
  return bindings;
}

/** `80`, `80/udp`, `7000-7002/tcp` each. @throws in Docker's words */
export function parseExposed(words: readonly string[]): readonly string[] {
  return words.flatMap((word) => {
    if (word.includes(":")) throw new Error(`invalid port format for --expose: ${word}`);
    const [port, protocol] = splitProtocol(word);
    const range = parseRange(port);
    if (!range) throw new Error(`invalid range format for --expose: ${word}`);
    checkProtocol(protocol);
    return portsOf(range).map((number) => `${number}/${protocol}`);
  });
}
