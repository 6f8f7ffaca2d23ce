/** One link listened to: a packet socket in its namespace, and whether the link is still there. */
import { closeSync, fstatSync } from "node:fs";
import { notFound } from "../lib/errors.ts";
import { KernelError } from "../linux/ffi.ts";
import { openNamespace, within } from "../linux/netns.ts";
import { openPacketSocket, type PacketSocket } from "../linux/packet-socket.ts";
import type { NetnsPath } from "../linux/plan.ts";
import type { Captured, FilterProgram, LinkCount, Tapped } from "./types.ts";

/** linux/if_arp.h. */
const ARPHRD_LOOPBACK = 772;

export class Tap {
  readonly tapped: Tapped;
  readonly #socket: PacketSocket;

  /** @throws KernelError; not-found where the namespace is another one by now */
  constructor(tapped: Tapped, filter: FilterProgram, receiveBuffer: number) {
    this.tapped = tapped;
    const path = tapped.path as NetnsPath;
    const fd = openNamespace(path);
    try {
      // A process id, and so its path, may be another's by now.
      if (fstatSync(fd).ino !== tapped.namespace) throw notFound(`${tapped.place} is there no more: ${path}`);
      const options = { ifindex: tapped.link.ifindex, filter, receiveBuffer };
      this.#socket = within(fd, path, () => openPacketSocket(options));
    } finally {
      closeSync(fd);
    }
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
