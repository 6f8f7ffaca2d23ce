/** Sockets that see what links carry, packet(7): frames as they are, with the link's header. Never blocking. */
import { closeSync } from "node:fs";
import { LITTLE_ENDIAN, viewOf } from "./bytes.ts";
import { setReceiveBuffer } from "./datagram.ts";
import { check, declare } from "./ffi.ts";
import { NativeMemory } from "./native-memory.ts";
import {
  type Frame,
  LONGEST_FRAME,
  PACKET_AUXDATA,
  PacketMemory,
  SO_TIMESTAMPNS,
  SOCKADDR_LL_SIZE,
  SOL_PACKET,
} from "./packet-memory.ts";
import {
  AF_INET,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from "./socket-constants.ts";

export type { Frame, PacketType } from "./packet-memory.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  getsockopt: declare("int getsockopt(int fd, int level, int name, void *value, void *size)"),
  getsockname: declare("int getsockname(int fd, void *address, void *size)"),
  bind: declare("int bind(int fd, const void *address, uint32_t size)"),
  sendto: declare(
    "int64 sendto(int fd, const void *data, uint64 size, int flags, const void *address, uint32_t address_size)",
  ),
};

const AF_PACKET = 17;
const ETH_P_ALL = 3;
const SO_ATTACH_FILTER = 26;
const PACKET_STATISTICS = 6;
const on = Int32Array.of(1);

/** One instruction: `struct sock_filter { __u16 code; __u8 jt; __u8 jf; __u32 k; }`, linux/filter.h. */
const SOCK_FILTER = 8;
const BPF_RET_K = 0x06;

export interface PacketSocketOptions {
  /** 0: all links of the namespace, those that come later as well. */
  readonly ifindex?: number;
  /** ETH_P_*; all of them by default. Frames that are sent are seen by sockets for all alone. */
  readonly protocol?: number;
  /** Classic BPF, run by the kernel on each frame; what it returns is how many bytes are kept. */
  readonly filter?: Uint8Array;
  /** Bytes that wait to be read, by the kernel's own count: a small frame takes about 800. */
  readonly receiveBuffer?: number;
  /** Bytes kept of each frame, where no filter says that; 262,144 by default and at most. */
  readonly snapLength?: number;
}

export interface PacketStatistics {
  /** That passed the filter, those that were lost with them. */
  readonly packets: number;
  /** Lost since the receive buffer was full. */
  readonly drops: number;
}

let memory: PacketMemory | undefined;
const sharedMemory = (): PacketMemory => {
  memory ??= new PacketMemory();
  return memory;
};

export class PacketSocket {
  /** For a reactor to watch; it stays this socket's. */
  readonly fd: number;
  #packets = 0;
  #drops = 0;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** The next frame, its bytes one's own to keep. @throws as `receiveMany` */
  receive(): Frame | "later" {
    let frame: Frame | undefined;
    sharedMemory().receive(
      this.fd,
      (borrowed) => {
        frame = { ...borrowed, bytes: new Uint8Array(borrowed.bytes) };
      },
      1,
    );
    return frame ?? "later";
  }

  /**
   * What waits, a bounded number of frames. A frame's bytes are good until `onFrame` returns, which receives from no
   * packet socket meanwhile.
   * @returns how many there were; 0 where none waits
   * @throws KernelError ENETDOWN, once, where the bound link went down (`gone` tells whether for good)
   */
  receiveMany(onFrame: (frame: Frame) => void): number {
    return sharedMemory().receive(this.fd, onFrame);
  }

  /** Send a whole frame, link header and all, by a link of the socket's namespace. @throws KernelError ENXIO, ENETDOWN, EMSGSIZE … */
  send(frame: Uint8Array, ifindex: number): void {
    const to = linkAddress(0, ifindex);
    check(`send a frame by link ${ifindex}`, sys.sendto(this.fd, frame, frame.length, 0, to, to.length));
  }

  /** Since the socket was opened: the kernel's counters begin anew whenever they are read. @throws KernelError */
  statistics(): PacketStatistics {
    // struct tpacket_stats { unsigned int tp_packets; unsigned int tp_drops; };
    const told = new Uint32Array(2);
    check(
      "read PACKET_STATISTICS",
      sys.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, told, Uint32Array.of(told.byteLength)),
    );
    this.#packets += told[0] ?? 0;
    this.#drops += told[1] ?? 0;
    return { packets: this.#packets, drops: this.#drops };
  }

  /** Whether the link that it was bound to is there no more: the kernel unbinds it then. @throws KernelError */
  gone(): boolean {
    const name = new Uint8Array(SOCKADDR_LL_SIZE);
    check("ask for a packet socket's link", sys.getsockname(this.fd, name, Uint32Array.of(name.length)));
    return viewOf(name).getInt32(4, LITTLE_ENDIAN) === -1;
  }

  close(): void {
    closeSync(this.fd);
  }
}

/**
 * Open one in the namespace that the thread is in at this moment: see `netns.ts`. It belongs there for good. Nothing
 * reaches it before its filter is in place: a socket for protocol 0 gets nothing until it is bound.
 * A link that is down may be listened to: ENETDOWN is received first, and frames once it is up.
 * @throws KernelError EPERM without CAP_NET_RAW; ENODEV where no link has that index; EINVAL for a filter that the kernel
 * does not take
 */
export function openPacketSocket(options: PacketSocketOptions = {}): PacketSocket {
  const { ifindex = 0, protocol = ETH_P_ALL, snapLength = LONGEST_FRAME } = options;
  const what = ifindex === 0 ? "listen to all links" : `listen to link ${ifindex}`;
  const fd = check(what, sys.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  try {
    check(what, sys.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, on, 4));
    check(what, sys.setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, on, 4));
    if (options.receiveBuffer !== undefined) setReceiveBuffer(fd, options.receiveBuffer);
    attachFilter(fd, options.filter ?? keep(snapLength));
    const name = linkAddress(protocol, ifindex);
    check(what, sys.bind(fd, name, name.length));
    return new PacketSocket(fd);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/**
 * Have the kernel stamp what comes and goes from now on. It begins to with the first socket on the machine that wants it, a
 * little later (net_enable_timestamp() leaves that to a work queue), and until then a frame has the time at which it is
 * read: whoever compares times wants this a while before.
 * @returns what takes the wish back; sockets that are open by then keep it up
 * @throws KernelError
 */
export function wantTimestamps(): () => void {
  const what = "have packets stamped";
  const fd = check(what, sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    check(what, sys.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, on, 4));
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
  return () => closeSync(fd);
}

/** A filter that takes every frame, and so many bytes of it. */
function keep(bytes: number): Uint8Array {
  const program = new Uint8Array(SOCK_FILTER);
  viewOf(program).setUint16(0, BPF_RET_K, LITTLE_ENDIAN);
  viewOf(program).setUint32(4, Math.min(bytes, LONGEST_FRAME), LITTLE_ENDIAN);
  return program;
}

/** `struct sock_fprog { unsigned short len; struct sock_filter *filter; }`: 16 bytes where pointers have 8. */
function attachFilter(fd: number, program: Uint8Array): void {
  const given = new NativeMemory(16 + program.length);
  try {
    const view = viewOf(given.bytes);
    view.setUint16(0, program.length / SOCK_FILTER, LITTLE_ENDIAN);
    view.setBigUint64(8, given.address + 16n, LITTLE_ENDIAN);
    given.bytes.set(program, 16);
    const attached = sys.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, given.bytes, 16);
    check(`attach a filter of ${program.length / SOCK_FILTER} instructions`, attached);
  } finally {
    given.free();
  }
}

/** struct sockaddr_ll, as `packet-memory.ts` quotes it. */
function linkAddress(protocol: number, ifindex: number): Uint8Array {
  const address = new Uint8Array(SOCKADDR_LL_SIZE);
  const view = viewOf(address);
  view.setUint16(0, AF_PACKET, LITTLE_ENDIAN);
  view.setUint16(2, protocol);
  view.setInt32(4, ifindex, LITTLE_ENDIAN);
  return address;
}
