/** Published ports, and who takes what comes to a port of a namespace. */
import { formatAddress } from "../../lib/ip.ts";
import type { EnginePort } from "../../observe/engines/types.ts";
import type { ListeningSocket, Namespace } from "../../observe/types.ts";
import type { Patient, Resident } from "../types.ts";

export interface Published {
  readonly resident: Resident;
  readonly port: EnginePort;
  readonly host: NonNullable<EnginePort["host"]>;
}

/** Of containers that are not on the host's own network, where nothing is published. */
export function publishedPorts({ containers }: Patient): readonly Published[] {
  return containers
    .filter(({ namespace }) => !namespace.host)
    .flatMap((resident) =>
      resident.of.ports.flatMap((port) => (port.host ? [{ resident, port, host: port.host }] : [])),
    );
}

/** Sockets of a protocol at a port. */
export const socketsAt = (
  { sockets }: Namespace,
  protocol: string,
  port: number,
): readonly ListeningSocket[] => sockets.filter((one) => one.protocol === protocol && one.port === port);

/** `0.0.0.0:80`, `[::1]:80`, as ss(8) writes it. */
export function shownSocket({ family, address, port, dual }: ListeningSocket): string {
  if (address)
    return family === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
  return family === 4 ? `0.0.0.0:${port}` : `${dual ? "*" : "[::]"}:${port}`;
}

/** `8080 -> 80/tcp`. */
export const shownPort = ({ host, port }: Published): string =>
  `${host.address ? `${formatAddress(host.address)}:` : ""}${host.port} -> ${port.containerPort}/${port.protocol}`;
