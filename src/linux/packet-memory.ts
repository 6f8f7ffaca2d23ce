/**
 * Frames as a packet socket hands them over, packet(7): many a call, with what the kernel tells beside each. Everything
 * here is synchronous, so one memory serves all sockets of the thread.
 */
import { constants } from "node:os";
import { LITTLE_ENDIAN, viewOf } from "./bytes.ts";
import { declare, KernelError, lastErrno } from "./ffi.ts";
import { NativeMemory } from "./native-memory.ts";
import { SOL_SOCKET } from "./socket-constants.ts";

const recvmmsg = declare(
  "int recvmmsg(int fd, uint64 messages, unsigned int count, int flags, void *timeout)",
);
const { EAGAIN, EINTR } = constants.errno;

/** linux/if_packet.h: whom a frame was for, as the link it was seen at understood it. */
export type PacketType = "host" | "broadcast" | "multicast" | "otherhost" | "outgoing";
const TYPES: readonly PacketType[] = ["host", "broadcast", "multicast", "otherhost", "outgoing"];

/** A frame as a link carried it. */
export interface Frame {
  /** From the link's header on, VLAN tag and all; as many bytes as were kept. */
  readonly bytes: Uint8Array;
  /** As many as there were. */
  readonly length: number;
  readonly ifindex: number;
  readonly type: PacketType;
  /** Seen from the link's namespace: `out` where it was sent by that link. */
  readonly way: "in" | "out";
  /** ARPHRD_*, linux/if_arp.h. */
  readonly hardware: number;
  /** ETH_P_*, linux/if_ether.h. */
  readonly protocol: number;
  /** Nanoseconds since the epoch, CLOCK_REALTIME. */
  readonly at: bigint;
  /** Its checksum is not there yet: the link's hardware, or nobody, will put it in. */
  readonly checksumPending: boolean;
}

/**
 * ```c
 * struct sockaddr_ll {
 *   unsigned short sll_family;    //  0  AF_PACKET
 *   __be16         sll_protocol;  //  2
 *   int            sll_ifindex;   //  4
 *   unsigned short sll_hatype;    //  8
 *   unsigned char  sll_pkttype;   // 10
 *   unsigned char  sll_halen;     // 11
 *   unsigned char  sll_addr[8];   // 12
 * };
 * struct cmsghdr { size_t cmsg_len; int cmsg_level; int cmsg_type; };  // the data follows, padded to 8
 * struct tpacket_auxdata {         // PACKET_AUXDATA
 *   __u32 tp_status;    //  0
 *   __u32 tp_len;       //  4
 *   __u32 tp_snaplen;   //  8
 *   __u16 tp_mac;       // 12
 *   __u16 tp_net;       // 14
 *   __u16 tp_vlan_tci;  // 16
 *   __u16 tp_vlan_tpid; // 18
 * };
 * struct timespec { time_t tv_sec; long tv_nsec; };  // SCM_TIMESTAMPNS
 * ```
 * as 64-bit machines lay them out.
 */
export const SOCKADDR_LL_SIZE = 20;
const [PROTOCOL, IFINDEX, HARDWARE, PACKET_TYPE] = [2, 4, 8, 10] as const;
const CMSG_HEADER = 16;
export const SOL_PACKET = 263;
export const PACKET_AUXDATA = 8;
export const SO_TIMESTAMPNS = 35;
const TP_STATUS_CSUMNOTREADY = 1 << 3;
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;
const ETH_P_8021Q = 0x8100;
const [ARPHRD_ETHER, ARPHRD_LOOPBACK] = [1, 772];
/** Both addresses of an Ethernet header: the tag stands behind them. */
const TAG_AT = 12;
const TAG = 4;

/** struct mmsghdr and struct iovec, as `datagram.ts` quotes them. */
const MMSGHDR = 64;
const [NAME, NAMELEN, IOV, IOVLEN, CONTROL, CONTROLLEN, LENGTH] = [0, 8, 16, 24, 32, 40, 56] as const;
const IOVEC = 16;
const NAME_ROOM = 24;
const CONTROL_ROOM = 128;
const HEADS = MMSGHDR + IOVEC + NAME_ROOM + CONTROL_ROOM;

/** The longest frame that is kept whole: libpcap's own bound. */
export const LONGEST_FRAME = 262_144;
/** Received in one call. */
const SLOTS = 16;
/** Room for a tag before each frame; a multiple of 8. */
const HEADROOM = 8;
const SLOT = HEADROOM + LONGEST_FRAME;

/** What is told of a frame beside it. */
interface Auxiliary {
  seconds: bigint;
  nanoseconds: bigint;
  status: number;
  length: number;
  vlanTci: number;
  vlanTpid: number;
}

export class PacketMemory {
  readonly #memory = new NativeMemory(SLOTS * (HEADS + SLOT));
  readonly #view = viewOf(this.#memory.bytes);
  readonly #auxiliary: Auxiliary = {
    seconds: 0n,
    nanoseconds: 0n,
    status: 0,
    length: 0,
    vlanTci: 0,
    vlanTpid: 0,
  };

  constructor() {
    for (let i = 0; i < SLOTS; i += 1) {
      const head = i * MMSGHDR;
      this.#pointer(head + NAME, nameOf(i));
      this.#pointer(head + IOV, vectorOf(i));
      this.#size(head + IOVLEN, 1);
      this.#pointer(head + CONTROL, controlOf(i));
      this.#pointer(vectorOf(i), frameOf(i));
      this.#size(vectorOf(i) + 8, LONGEST_FRAME);
    }
  }

  /**
   * What waits at `fd`, at most `most` frames and a memory full. A frame's bytes are good until `onFrame` returns.
   * @returns how many there were
   * @throws KernelError ENETDOWN where the link that the socket is bound to went down or away
   */
  receive(fd: number, onFrame: (frame: Frame) => void, most = SLOTS): number {
    const count = Math.min(most, SLOTS);
    for (let i = 0; i < count; i += 1) {
      this.#view.setUint32(i * MMSGHDR + NAMELEN, NAME_ROOM, LITTLE_ENDIAN);
      this.#size(i * MMSGHDR + CONTROLLEN, CONTROL_ROOM);
    }
    const received: number = recvmmsg(fd, this.#memory.address, count, 0, null);
    if (received < 0) {
      if (lastErrno() === EAGAIN || lastErrno() === EINTR) return 0;
      throw new KernelError("receive packets", lastErrno());
    }
    for (let i = 0; i < received; i += 1) onFrame(this.#frame(i));
    return received;
  }

  #frame(slot: number): Frame {
    const view = this.#view;
    const name = nameOf(slot);
    const auxiliary = this.#readAuxiliary(slot);
    const hardware = view.getUint16(name + HARDWARE, LITTLE_ENDIAN);
    const type = TYPES[view.getUint8(name + PACKET_TYPE)] ?? "host";
    let start = frameOf(slot);
    let kept = view.getUint32(slot * MMSGHDR + LENGTH, LITTLE_ENDIAN);
    let length = Math.max(auxiliary.length, kept);
    const ethernet = hardware === ARPHRD_ETHER || hardware === ARPHRD_LOOPBACK;
    if (auxiliary.status & TP_STATUS_VLAN_VALID && ethernet && kept >= TAG_AT) {
      this.#putTag(start, auxiliary);
      start -= TAG;
      kept += TAG;
      length += TAG;
    }
    return {
      bytes: this.#memory.bytes.subarray(start, start + kept),
      length,
      ifindex: view.getInt32(name + IFINDEX, LITTLE_ENDIAN),
      type,
      way: type === "outgoing" ? "out" : "in",
      hardware,
      protocol: view.getUint16(name + PROTOCOL),
      at: auxiliary.seconds * 1_000_000_000n + auxiliary.nanoseconds,
      checksumPending: (auxiliary.status & TP_STATUS_CSUMNOTREADY) !== 0,
    };
  }

  /** The kernel takes a tag out of the frame, and tells it beside it. */
  #putTag(start: number, { status, vlanTci, vlanTpid }: Auxiliary): void {
    this.#memory.bytes.copyWithin(start - TAG, start, start + TAG_AT);
    const tpid = status & TP_STATUS_VLAN_TPID_VALID ? vlanTpid : ETH_P_8021Q;
    this.#view.setUint16(start - TAG + TAG_AT, tpid);
    this.#view.setUint16(start - TAG + TAG_AT + 2, vlanTci);
  }

  /** One object for all: it is read at once. */
  #readAuxiliary(slot: number): Auxiliary {
    const view = this.#view;
    const found = this.#auxiliary;
    found.status = 0;
    found.length = 0;
    const end = controlOf(slot) + Number(view.getBigUint64(slot * MMSGHDR + CONTROLLEN, LITTLE_ENDIAN));
    for (let at = controlOf(slot); at + CMSG_HEADER <= end; ) {
      const size = view.getUint32(at, LITTLE_ENDIAN);
      if (size < CMSG_HEADER) break;
      const level = view.getInt32(at + 8, LITTLE_ENDIAN);
      const type = view.getInt32(at + 12, LITTLE_ENDIAN);
      const data = at + CMSG_HEADER;
      if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) {
        found.seconds = view.getBigInt64(data, LITTLE_ENDIAN);
        found.nanoseconds = view.getBigInt64(data + 8, LITTLE_ENDIAN);
      } else if (level === SOL_PACKET && type === PACKET_AUXDATA) {
        found.status = view.getUint32(data, LITTLE_ENDIAN);
        found.length = view.getUint32(data + 4, LITTLE_ENDIAN);
        found.vlanTci = view.getUint16(data + 16, LITTLE_ENDIAN);
        found.vlanTpid = view.getUint16(data + 18, LITTLE_ENDIAN);
      }
      at += (size + 7) & ~7;
    }
    return found;
  }

  #pointer(at: number, to: number): void {
    this.#view.setBigUint64(at, this.#memory.address + BigInt(to), LITTLE_ENDIAN);
  }

  #size(at: number, size: number): void {
    this.#view.setBigUint64(at, BigInt(size), LITTLE_ENDIAN);
  }
}

const vectorOf = (slot: number): number => SLOTS * MMSGHDR + slot * IOVEC;
const nameOf = (slot: number): number => SLOTS * (MMSGHDR + IOVEC) + slot * NAME_ROOM;
const controlOf = (slot: number): number => SLOTS * (MMSGHDR + IOVEC + NAME_ROOM) + slot * CONTROL_ROOM;
const frameOf = (slot: number): number => SLOTS * HEADS + slot * SLOT + HEADROOM;
