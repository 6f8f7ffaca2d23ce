/**
 * Exposed and published ports as clients write them (Docker API, ContainerConfig.ExposedPorts and
 * HostConfig.PortBindings), and what is asked of the network for them.
 */
import { invalid } from "../../lib/errors.ts";
import { tryParseAddress } from "../../lib/ip.ts";
import { formatPort } from "../../network/port/requests.ts";
import type { ContainerPort, Protocol, PublishRequest } from "../../network/types.ts";
import type { Container, PortMap } from "../types.ts";

const PORT = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i;
const MAX_PORT = 0xffff;

/** As Docker keeps them: `80` is `80/tcp`. @throws invalid: clients could not read a list with any other */
export function exposedPorts(asked: Readonly<Record<string, object>> = {}): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(asked).map(([key, value]) => {
      const [, port = "", protocol = "tcp"] = PORT.exec(key) ?? [];
      if (port === "" || Number(port) > MAX_PORT) throw invalid(`invalid port '${key}' in ExposedPorts`);
      return [`${Number(port)}/${protocol.toLowerCase()}`, value];
    }),
  );
}

const isProtocol = (text: string): text is Protocol => ["tcp", "udp", "sctp"].includes(text);

/** `80/tcp`; `80` is `80/tcp`. @throws invalid in Docker's words */
function parsePort(text: string): ContainerPort {
  const [number = "", protocol = "tcp", ...more] = text.split("/");
  const proto = protocol.toLowerCase();
  if (!isProtocol(proto)) throw invalid(`invalid proto: ${protocol}`);
  const port = parseNumber(number);
  if (!port || more.length > 0) throw invalid(`invalid port specification: "${text}"`);
  return { port, protocol: proto };
}

const parseNumber = (text: string): number | undefined =>
  /^\d{1,5}$/.test(text) && Number(text) <= MAX_PORT ? Number(text) : undefined;

/** `8080`, `8000-8010`; undefined for any port: '' and `0`. @throws invalid in Docker's words */
function parseHostPort(text: string): PublishRequest["hostPorts"] {
  if (text === "" || text === "0") return undefined;
  const [from = "", to = from, ...more] = text.split("-");
  const [first, last] = [parseNumber(from), parseNumber(to)];
  if (!first || !last || last < first || more.length > 0) {
    throw invalid(`invalid port specification: "${text}"`);
  }
  return { first, last };
}

/** The same ports, each key as Docker writes it: `80` is `80/tcp`. @throws invalid in Docker's words */
export function portMapOf(asked: PortMap): PortMap {
  const map: Record<string, NonNullable<PortMap[string]>> = {};
  for (const [key, bindings] of Object.entries(asked)) {
    const port = formatPort(parsePort(key));
    map[port] = [...(map[port] ?? []), ...(bindings ?? [])];
  }
  publishRequests(map);
  return map;
}

type HostBinding = NonNullable<PortMap[string]>[number];

/** @throws invalid in Docker's words */
export function publishRequest(key: string, { HostIp = "", HostPort = "" }: HostBinding): PublishRequest {
  const hostAddress = HostIp === "" ? undefined : tryParseAddress(HostIp);
  if (HostIp !== "" && !hostAddress) throw invalid(`invalid IP address: ${HostIp}`);
  const hostPorts = parseHostPort(HostPort);
  return { ...parsePort(key), ...(hostAddress && { hostAddress }), ...(hostPorts && { hostPorts }) };
}

/** One for each binding. @throws invalid in Docker's words */
export const publishRequests = (ports: PortMap): readonly PublishRequest[] =>
  Object.entries(ports).flatMap(([key, bindings]) =>
    (bindings ?? []).map((binding) => publishRequest(key, binding)),
  );

type Publishing = Pick<Container, "config" | "hostConfig">;

/** What the image or the user exposes, and what is published. An image's keys that say no port are nobody's. */
export function exposedOf({ config, hostConfig }: Publishing): readonly ContainerPort[] {
  const keys = [...Object.keys(config.ExposedPorts ?? {}), ...Object.keys(hostConfig.PortBindings)];
  const ports = keys.filter((key) => PORT.test(key) && Number.parseInt(key, 10) <= MAX_PORT).map(parsePort);
  return [...new Map(ports.map((port) => [formatPort(port), port])).values()];
}

/** The bindings with those that `PublishAllPorts` stands for: any host port for each exposed port without one. */
export function boundPorts(container: Publishing): PortMap {
  const { PortBindings, PublishAllPorts } = container.hostConfig;
  if (!PublishAllPorts) return PortBindings;
  const exposed = exposedOf(container).map(formatPort);
  const unbound = exposed.filter((port) => !PortBindings[port]?.length);
  return { ...PortBindings, ...Object.fromEntries(unbound.map((port) => [port, [{}]])) };
}
