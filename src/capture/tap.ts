/** One link listened to: a packet socket in its namespace, and whether the link is still there. */
import { KernelError } from "../linux/ffi.ts";
import { inFoundNamespace } from "../linux/netns.ts";
import { openPacketSocket, type PacketSocket } from "../linux/packet-socket.ts";
import type { Captured, FilterProgram, LinkCount, Tapped } from "./types.ts";

/** linux/if_arp.h. */
const ARPHRD_LOOPBACK = 772;

export class Tap {
  readonly tapped: Tapped;
  readonly #socket: PacketSocket;

  /** @throws KernelError; ENOENT where the namespace is another one by now */
  constructor(tapped: Tapped, filter: FilterProgram, receiveBuffer: number) {
    this.tapped = tapped;
    const options = { ifindex: tapped.link.ifindex, filter, receiveBuffer };
    const found = { id: tapped.namespace, path: tapped.path };
    this.#socket = inFoundNamespace(found, () => openPacketSocket(options));
  }

  get loopback(): boolean {
    return this.tapped.hardware === ARPHRD_LOOPBACK;
  }

  get fd(): number {
    return this.#socket.fd;
  }

  /**
   * Some of what waits.
   * @returns how many packets; `down` where the link went down: see `gone`
   * @throws KernelError
   */
  receive(onPacket: (packet: Captured) => void): number | "down" {
    const { tapped } = this;
    try {
      return this.#socket.receiveMany(({ at, way, type, bytes, length, checksumPending }) =>
        onPacket({ tapped, at, way, type, bytes, length, checksumPending }),
      );
    } catch (thrown) {
      if (thrown instanceof KernelError && thrown.code === "ENETDOWN") return "down";
      throw thrown;
    }
  }

  /** The link was removed, or moved to another namespace. */
  gone(): boolean {
    return this.#socket.gone();
  }

  count(): LinkCount {
    const { packets, drops } = this.#socket.statistics();
    return { tapped: this.tapped, packets, dropped: drops };
  }

  close(): void {
    this.#socket.close();
  }
}
