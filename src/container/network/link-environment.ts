/** What a container is told of those that it links to, in its environment (Docker docs, "Legacy container links"). Pure. */
import type { ContainerPort, Protocol } from "../../network/types.ts";

export interface LinkFacts {
  /** Whose environment it is. */
  readonly name: string;
  readonly alias: string;
  /** Of the container that is linked to. */
  readonly address: string;
  readonly exposed: readonly ContainerPort[];
  readonly environment: readonly string[];
}

/** TCP first. */
const ORDER: readonly Protocol[] = ["tcp", "sctp", "udp"];

const inOrder = (a: ContainerPort, b: ContainerPort): number =>
  ORDER.indexOf(a.protocol) - ORDER.indexOf(b.protocol) || a.port - b.port;

/** `DB_PORT=tcp://172.17.0.2:5432`, `DB_PORT_5432_TCP_ADDR=172.17.0.2` …, `DB_NAME=/web/db`, `DB_ENV_USER=me`. */
export function linkEnvironment({ name, alias, address, exposed, environment }: LinkFacts): string[] {
  const prefix = alias.toUpperCase().replaceAll("-", "_");
  const ports = exposed.toSorted(inOrder);
  const url = ({ protocol, port }: ContainerPort) => `${protocol}://${address}:${port}`;
  const nameOf = ({ protocol, port }: ContainerPort) => `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
  const ranges = consecutive(ports).flatMap(({ first, last }) => [
    `${nameOf(first)}_START=${url(first)}`,
    `${nameOf(first)}_PORT_START=${first.port}`,
    `${nameOf(first)}_END=${url(last)}`,
    `${nameOf(first)}_PORT_END=${last.port}`,
  ]);
  return [
    ...ports.slice(0, 1).map((port) => `${prefix}_PORT=${url(port)}`),
    ...ports.flatMap((port) => [
      `${nameOf(port)}=${url(port)}`,
      `${nameOf(port)}_ADDR=${address}`,
      `${nameOf(port)}_PORT=${port.port}`,
      `${nameOf(port)}_PROTO=${port.protocol}`,
    ]),
    ...ranges,
    `${prefix}_NAME=/${name}/${alias}`,
    ...environment
      .filter((entry) => /^(?!HOME=|PATH=)[^=]+=/.test(entry))
      .map((entry) => `${prefix}_ENV_${entry}`),
  ];
}

/** Ranges of at least two ports, of sorted ones. */
function consecutive(ports: readonly ContainerPort[]): { first: ContainerPort; last: ContainerPort }[] {
  const ranges: { first: ContainerPort; last: ContainerPort }[] = [];
  for (const port of ports) {
    const range = ranges.at(-1);
    if (range && range.last.protocol === port.protocol && range.last.port + 1 === port.port)
      range.last = port;
    else ranges.push({ first: port, last: port });
  }
  return ranges.filter(({ first, last }) => first !== last);
}
