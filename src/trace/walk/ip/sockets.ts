/** Who takes a packet: __inet_lookup_listener, __udp4_lib_lookup, and IPv6's alike. */
import { type Address, type Family, formatAddress, sameAddress } from "../../../lib/ip.ts";
import { placeOf } from "../../../observe/place.ts";
import type { ListeningSocket, Namespace } from "../../../observe/types.ts";
import type { DropReason } from "../../types.ts";

export type Taker =
  | { readonly socket: ListeningSocket; readonly reason?: undefined }
  | { readonly reason: DropReason; readonly socket?: undefined };

interface Wanted {
  readonly protocol: "tcp" | "udp";
  readonly family: Family;
  readonly address: Address;
  readonly port: number;
  /** By which link it came in. */
  readonly ifindex: number;
}

const MAPPED = 0xffffn << 32n;

/** An IPv6 socket's address may be an IPv4 one in IPv6's clothes, `::ffff:10.0.0.1`. */
function plain(address: Address): Address {
  const mapped = address.family === 6 && address.bits >> 32n === 0xffffn;
  return mapped ? { family: 4, bits: address.bits - MAPPED } : address;
}

/** compute_score: whether it takes this family, address and link. */
function takes(socket: ListeningSocket, { family, address, ifindex }: Wanted): boolean {
  if (socket.ifindex !== undefined && socket.ifindex !== ifindex) return false;
  if (socket.address) return sameAddress(plain(socket.address), address);
  return socket.family === family || (family === 4 && socket.dual);
}

const specificity = ({ address, ifindex }: ListeningSocket): number => (address ? 2 : 0) + (ifindex ? 1 : 0);

export function takerOf(namespace: Namespace, wanted: Wanted): Taker {
  const atPort = namespace.sockets.filter(
    ({ protocol, port }) => protocol === wanted.protocol && port === wanted.port,
  );
  const [socket] = atPort.filter((one) => takes(one, wanted)).sort((a, b) => specificity(b) - specificity(a));
  if (!socket) return { reason: nobody(namespace, wanted, atPort) };
  const { queue } = socket;
  if (queue && queue.waiting > queue.room) {
    const text = `the program that listens at ${placeText(socket)} in ${namespace.name} does not accept connections: ${queue.waiting} wait, and ${queue.room} may`;
    return { reason: { code: "backlog-full", text } };
  }
  return { socket };
}

/** `0.0.0.0:80` */
export function placeText({ family, address, port, dual }: ListeningSocket): string {
  if (!address) return family === 6 ? `[::]:${port}${dual ? "" : " (IPv6 only)"}` : `0.0.0.0:${port}`;
  return address.family === 6 ? `[${formatAddress(address)}]:${port}` : `${formatAddress(address)}:${port}`;
}

function nobody(namespace: Namespace, wanted: Wanted, atPort: readonly ListeningSocket[]): DropReason {
  const { protocol, port } = wanted;
  const words = protocol.toUpperCase();
  if (atPort.length === 0) {
    return protocol === "tcp"
      ? {
          code: "closed",
          text: `nobody in ${namespace.name} listens at ${words} port ${port}: the connection is refused`,
        }
      : {
          code: "no-socket",
          text: `nobody in ${namespace.name} receives at ${words} port ${port}: the sender is told that it is unreachable`,
        };
  }
  const where = atPort.map((socket) => {
    const link = socket.ifindex === undefined ? undefined : placeOf(namespace).link(socket.ifindex)?.name;
    return link ? `${placeText(socket)} on ${link}` : placeText(socket);
  });
  const text = `the program in ${namespace.name} listens at ${[...new Set(where)].join(" and ")} only, not at ${formatAddress(wanted.address)}`;
  return { code: "bound-elsewhere", text };
}
