/** One descriptor that holds a port of the host at one address, or at every address of one or both families. */
import { closeSync } from "node:fs";
import { type EngineError, internal } from "../../lib/errors.ts";
import { type Address, formatAddress } from "../../lib/ip.ts";
import { KernelError } from "../../linux/ffi.ts";
import { holdPort } from "../../linux/inet-socket.ts";
import type { PortBinding, Protocol } from "./types.ts";

/** The kernel has no sockets of this protocol: rules do without, but nothing keeps other programs away. */
export const UNHELD = -1;

/** What one descriptor holds: one address, or `0.0.0.0` and `::`. */
export interface Place {
  readonly protocol: Protocol;
  readonly addresses: readonly Address[];
  readonly port: number;
}

export interface Hold extends Place {
  readonly fd: number;
}

export const isAny = ({ bits }: Address): boolean => bits === 0n;

/** `0.0.0.0` and `::` are one place; every other address is one of its own. */
export function placesOf(protocol: Protocol, addresses: readonly Address[], port: number): readonly Place[] {
  const any = addresses.filter(isAny);
  const own = addresses.filter((address) => !isAny(address)).map((address) => [address]);
  return [...(any.length > 0 ? [any] : []), ...own].map((each) => ({ protocol, addresses: each, port }));
}

/**
 * @throws KernelError EADDRINUSE, for the caller to try another; internal in Docker's words for an address that is not
 * the host's, or where descriptors have run out
 */
export function hold(place: Place): Hold {
  const { protocol, addresses, port } = place;
  const address = addresses.find(({ family }) => family === 6) ?? addresses[0];
  if (!address) throw internal("a port without an address");
  try {
    return { ...place, fd: holdPort({ protocol, address, port, dual: addresses.length > 1 }) };
  } catch (thrown) {
    if (!(thrown instanceof KernelError) || thrown.code === "EADDRINUSE") throw thrown;
    if (protocol === "sctp" && thrown.code === "EPROTONOSUPPORT") return { ...place, fd: UNHELD };
    throw refusal(place, thrown);
  }
}

function refusal(place: Place, thrown: KernelError): EngineError {
  const what = `failed to bind host port ${describePlace(place)}`;
  switch (thrown.code) {
    case "EADDRNOTAVAIL":
      return internal(`${what}: cannot assign requested address`, thrown);
    case "EMFILE":
    case "ENFILE":
      return internal(
        `${what}: no descriptors are left, and each published port takes one: raise the engine's limit of open files (LimitNOFILE=)`,
        thrown,
      );
    default:
      return internal(`${what}: ${thrown.message}`, thrown);
  }
}

/** `0.0.0.0:8080/tcp`. */
export function describePlace({ protocol, addresses, port }: Place): string {
  const [address] = addresses;
  const text = address ? formatAddress(address) : "";
  return `${address?.family === 6 ? `[${text}]` : text}:${port}/${protocol}`;
}

export function letGo({ fd }: Hold): void {
  if (fd !== UNHELD) closeSync(fd);
}

/** What the hold is for, as inspect shows it. */
export const bindingsOf = ({ protocol, addresses, port }: Place, containerPort: number): PortBinding[] =>
  addresses.map((hostAddress) => ({ protocol, port: containerPort, hostAddress, hostPort: port }));
