/**
 * Sockets to send one packet of one's own making by, raw(7), ipv6(7), udp(7): the kernel routes it and puts IP's header
 * before it, as it does for programs, and gives back what the peer answers. Never blocking.
 */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { type Address, formatAddress } from "../lib/ip.ts";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { decodeSocketAddress, encodeSocketAddress, SOCKADDR_SIZE, type SocketAddress } from "./sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_STREAM,
} from "./socket-constants.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  getsockname: declare("int getsockname(int fd, void *address, void *size)"),
  bind: declare("int bind(int fd, const void *address, uint32_t size)"),
  connect: declare("int connect(int fd, const void *address, uint32_t size)"),
  send: declare("int64 send(int fd, const void *data, uint64 size, int flags)"),
  recv: declare("int64 recv(int fd, void *data, uint64 size, int flags)"),
};

const [SOL_IP, SOL_IPV6] = [0, 41];
const [IP_MTU_DISCOVER, IPV6_MTU_DISCOVER] = [10, 23];
/** Fragments where it must; never, and without regard to what was learned of the path before. */
const [PMTUDISC_DONT, PMTUDISC_PROBE] = [0, 3];
const IPPROTO = { icmp: { 4: 1, 6: 58 }, tcp: { 4: 6, 6: 6 } } as const;
const { EAGAIN } = constants.errno;
const LARGEST = 65_536;

export interface ProbeAim {
  readonly protocol: "icmp" | "tcp" | "udp";
  readonly destination: Address;
  /** Of TCP and UDP. */
  readonly port?: number;
  /** The routes' choice where absent. */
  readonly source?: Address;
  /** The kernel's choice where absent. */
  readonly sourcePort?: number;
  /** Index of the link that a link-local destination is on. */
  readonly scope?: number;
  readonly dontFragment: boolean;
}

/** What the kernel says of a packet before it has left: its routes, the links that they lead to, rules that refuse it. */
export class NotSent extends KernelError {}

// Everything here is synchronous, so one buffer serves all.
const received = new Uint8Array(LARGEST);

export class ProbeSocket {
  readonly #fd: number;
  /** Holds a TCP port: the kernel gives it to nobody else, and answers a SYN-ACK to it by a reset. */
  readonly #holder: number | undefined;
  readonly #headers: boolean;
  /** What it sends from; of ICMP without a port. */
  readonly local: SocketAddress;

  /**
   * In the namespace that the thread is in at this moment.
   * @throws NotSent ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL as the routes have it; EADDRNOTAVAIL with no address to send from
   * @throws KernelError EPERM without CAP_NET_RAW; EADDRNOTAVAIL where the source is not this namespace's, EADDRINUSE where its port is taken
   */
  constructor(aim: ProbeAim) {
    const { protocol, destination, port = 0, source, sourcePort, scope = 0 } = aim;
    const what = `reach for ${formatAddress(destination)}`;
    const family = destination.family;
    const domain = family === 4 ? AF_INET : AF_INET6;
    const open = (type: number, number = 0): number =>
      check(what, sys.socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, number));
    const isRaw = protocol !== "udp";
    this.#headers = isRaw && family === 4;
    this.#fd = isRaw ? open(SOCK_RAW, IPPROTO[protocol][family]) : open(SOCK_DGRAM);
    let holder: number | undefined;
    try {
      const discover = Int32Array.of(aim.dontFragment ? PMTUDISC_PROBE : PMTUDISC_DONT);
      const [level, option] = family === 4 ? [SOL_IP, IP_MTU_DISCOVER] : [SOL_IPV6, IPV6_MTU_DISCOVER];
      check(what, sys.setsockopt(this.#fd, level, option, discover, 4));
      if (source) bindTo(this.#fd, { address: source, port: isRaw ? 0 : (sourcePort ?? 0) });
      else if (!isRaw && sourcePort !== undefined)
        bindTo(this.#fd, { address: unspecified(destination), port: sourcePort });
      const name = encodeSocketAddress({ address: destination, port: isRaw ? 0 : port, scope });
      if (sys.connect(this.#fd, name, name.length) < 0) throw new NotSent(what, lastErrno());
      this.local = nameOf(this.#fd);
      if (protocol === "tcp") {
        holder = open(SOCK_STREAM);
        bindTo(holder, { address: this.local.address, port: sourcePort ?? 0, scope });
        this.local = { ...this.local, port: nameOf(holder).port };
      }
      this.#holder = holder;
    } catch (thrown) {
      if (holder !== undefined) closeSync(holder);
      closeSync(this.#fd);
      throw thrown;
    }
  }

  /** What follows IP's header; of UDP, what follows its own. @throws NotSent EMSGSIZE, EPERM where a rule refuses it … */
  send(bytes: Uint8Array): void {
    if (sys.send(this.#fd, bytes, bytes.length, 0) < 0) throw new NotSent("send the probe", lastErrno());
  }

  /**
   * The next that came from the peer, good until the next call: from the transport's header on, of UDP what follows that.
   * That it can't be reached is told elsewhere, and passed over here.
   */
  receive(): Uint8Array | undefined {
    for (;;) {
      const length = Number(sys.recv(this.#fd, received, LARGEST, 0));
      if (length >= 0) {
        const header = this.#headers ? ((received[0] ?? 0) & 15) * 4 : 0;
        return received.subarray(Math.min(header, length), length);
      }
      // Each error is told once.
      if (lastErrno() === EAGAIN) return undefined;
    }
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#holder !== undefined) closeSync(this.#holder);
  }
}

const unspecified = ({ family }: Address): Address => ({ family, bits: 0n });

function bindTo(fd: number, local: SocketAddress): void {
  const name = encodeSocketAddress(local);
  const where = `${formatAddress(local.address)}${local.port ? ` port ${local.port}` : ""}`;
  check(`send from ${where}`, sys.bind(fd, name, name.length));
}

function nameOf(fd: number): SocketAddress {
  const name = new Uint8Array(SOCKADDR_SIZE);
  check("ask for a socket's address", sys.getsockname(fd, name, Uint32Array.of(SOCKADDR_SIZE)));
  return decodeSocketAddress(name);
}
