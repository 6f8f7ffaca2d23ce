/** Ethernet frames as they are, into and out of a sandbox: packet(7). */
import { setTimeout as sleep } from "node:timers/promises";
import { type Address, addressBytes, type Mac, macBytes } from "../../src/lib/ip.ts";
import { check, declare, lastErrno } from "../../src/linux/ffi.ts";
import { inNamespace } from "../../src/linux/netns.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  bind: declare("int bind(int fd, const void *address, uint32_t length)"),
  send: declare("int64 send(int fd, const void *buffer, size_t length, int flags)"),
  recv: declare("int64 recv(int fd, _Out_ void *buffer, size_t length, int flags)"),
  close: declare("int close(int fd)"),
};

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ALL = 0x0003;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;

/** linux/if_packet.h, struct sockaddr_ll: family, protocol (network order), ifindex; the rest is zero. */
function sockaddrLl(ifindex: number): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETH_P_ALL, 2);
  address.writeInt32LE(ifindex, 4);
  return address;
}

/** A socket that sees and sends whole frames of one link. */
export class FrameSocket implements Disposable {
  readonly #fd: number;

  constructor(netns: NetnsPath | undefined, ifindex: number) {
    this.#fd = inNamespace(netns, () => check("packet socket", sys.socket(AF_PACKET, SOCK_RAW, 0)));
    const address = sockaddrLl(ifindex);
    check("bind packet socket", sys.bind(this.#fd, address, address.length));
  }

  send(frame: Uint8Array): void {
    check("send frame", sys.send(this.#fd, frame, frame.length, 0));
  }

  /** The frames so far, up to and with the first one that `isLast` holds for. Gives up after five seconds. */
  async receiveUntil(isLast: (frame: Buffer) => boolean): Promise<Buffer[]> {
    const frames: Buffer[] = [];
    const buffer = Buffer.alloc(2048);
    for (const deadline = Date.now() + 5000; Date.now() < deadline; ) {
      const length = Number(sys.recv(this.#fd, buffer, buffer.length, MSG_DONTWAIT));
      if (length < 0) {
        if (lastErrno() !== EAGAIN) check("receive frame", length);
        await sleep(1);
        continue;
      }
      const frame = Buffer.from(buffer.subarray(0, length));
      frames.push(frame);
      if (isLast(frame)) return frames;
    }
    throw new Error(`the frame that was waited for did not come, among ${frames.length}`);
  }

  [Symbol.dispose](): void {
    sys.close(this.#fd);
  }
}

export const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

export const frame = (to: Mac, from: Mac, type: number, ...payload: Uint8Array[]): Buffer =>
  Buffer.concat([macBytes(to), macBytes(from), u16(type), ...payload]);

export interface Arp {
  readonly operation: "request" | "reply";
  readonly sender: { readonly mac: Mac; readonly ip: Address };
  readonly target: { readonly mac: Mac; readonly ip: Address };
}

/** RFC 826. */
export const arp = (to: Mac, from: Mac, { operation, sender, target }: Arp): Buffer =>
  frame(
    to,
    from,
    0x0806,
    Uint8Array.of(0, 1, 8, 0, 6, 4, 0, operation === "request" ? 1 : 2),
    macBytes(sender.mac),
    addressBytes(sender.ip),
    macBytes(target.mac),
    addressBytes(target.ip),
  );

/** The one's complement sum of RFC 1071. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

export interface Udp {
  readonly from: Address;
  readonly to: Address;
  readonly sport: number;
  readonly dport: number;
  readonly text: string;
}

/** RFC 768 in RFC 791; a UDP checksum of zero is none. */
export function udp(to: Mac, from: Mac, packet: Udp): Buffer {
  const payload = Buffer.from(packet.text);
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(28 + payload.length, 2);
  header[8] = 64;
  header[9] = 17;
  header.set(addressBytes(packet.from), 12);
  header.set(addressBytes(packet.to), 16);
  header.writeUInt16BE(checksum(header), 10);
  const ports = [u16(packet.sport), u16(packet.dport), u16(8 + payload.length), u16(0)];
  return frame(to, from, 0x0800, header, ...ports, payload);
}

/** Any other protocol, by its EtherType. */
export const other = (to: Mac, from: Mac, type: number, text: string): Buffer =>
  frame(to, from, type, Buffer.from(text.padEnd(46)));
