/** A sandbox that is the test's own namespace, its clients, and servers for it to ask. For isolated tests. */
import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket as Stream } from "node:net";
import {
  type Answer,
  type DecodedPacket,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  type RecordType,
} from "dns-packet";
import type { EndpointID, NetworkID, SandboxID } from "../../src/lib/ids.ts";
import { parseAddress } from "../../src/lib/ip.ts";
import { silent } from "../../src/lib/log.ts";
import { setReceiveBuffer } from "../../src/linux/datagram.ts";
import { holdPort } from "../../src/linux/inet-socket.ts";
import { inNamespace } from "../../src/linux/netns.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { createDns } from "../../src/network/dns/dns.ts";
import { RESOLVER_RULES } from "../../src/network/dns/rules.ts";
import type { DnsEndpoint, DnsSandbox, Upstream } from "../../src/network/dns/types.ts";

export const OWN = "/proc/self/ns/net" as NetnsPath;
export const NET1 = "net1" as NetworkID;
export const NET2 = "net2" as NetworkID;

export const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });

/** The rules that lead port 53 to the resolver, in the namespace at `netns`. */
export const loadRules = (netns: string = OWN): void => {
  execFileSync("nsenter", [`--net=${netns}`, "nft", "-f", "-"], { input: RESOLVER_RULES });
};

export const sandbox = (more: Partial<DnsSandbox> = {}): DnsSandbox => ({
  id: "sandbox" as SandboxID,
  key: OWN,
  networks: [NET1],
  links: [],
  upstreams: [],
  ...more,
});

export const endpoint = (
  id: string,
  names: readonly string[],
  addresses: readonly string[],
  network: NetworkID = NET1,
): DnsEndpoint => ({
  id: id as EndpointID,
  network,
  networkName: network,
  names,
  addresses: addresses.map(parseAddress),
});

export const newDns = () => createDns({ logger: silent });

export const upstream = (address: string, port?: number): Upstream => ({
  address: parseAddress(address),
  fromHost: false,
  ...(port !== undefined && { port }),
});

/** What the types of dns-packet don't tell. */
export interface Decoded extends DecodedPacket {
  readonly rcode: string;
}
export type AnyType = RecordType | "ANY";

export const decoded = (message: Buffer): Decoded => decode(message) as Decoded;

const RECURSION_DESIRED = 0x0100;

export function query(name: string, type: AnyType = "A", more: Packet = {}): Buffer {
  const id = Math.floor(Math.random() * 65536);
  const questions = [{ name, type: type as RecordType }];
  return encode({ type: "query", id, flags: RECURSION_DESIRED, questions, ...more });
}

/** The OPT record of an asker that takes answers of `size` bytes over UDP. */
export const edns = (size: number, version = 0): Answer => {
  const record = { type: "OPT", name: ".", udpPayloadSize: size, extendedRcode: 0, ednsVersion: version };
  return { ...record, flags: 0, flag_do: false, options: [] } as unknown as OptAnswer;
};

/** A UDP client: each answer goes to who asked with its id. */
export class Client {
  readonly #socket: Socket;
  readonly #asked = new Map<number, (answer: Buffer) => void>();
  /** Answers, in the order of their coming. */
  readonly heard: Buffer[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (answer) => {
      this.heard.push(answer);
      this.#asked.get(answer.readUInt16BE())?.(answer);
    });
  }

  static async open(netns: NetnsPath = OWN): Promise<Client> {
    const socket = await udpSocket(netns, "127.0.0.1", 0);
    return new Client(socket);
  }

  send(message: Uint8Array): void {
    this.#socket.send(message, 53, "127.0.0.11");
  }

  /** The answer's bytes. @throws Error where none comes for 12 seconds */
  async exchange(message: Buffer): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const patience = setTimeout(() => reject(new Error("no answer")), 12_000);
    this.#asked.set(message.readUInt16BE(), resolve);
    this.send(message);
    try {
      return await promise;
    } finally {
      clearTimeout(patience);
    }
  }

  async ask(name: string, type: AnyType = "A", more: Packet = {}): Promise<Decoded> {
    return decoded(await this.exchange(query(name, type, more)));
  }

  /** Addresses, or names, that are answered. */
  async lookup(name: string, type: AnyType = "A"): Promise<unknown[]> {
    return dataOf(await this.ask(name, type));
  }

  close(): void {
    this.#socket.close();
  }
}

export const dataOf = (packet: DecodedPacket): unknown[] =>
  (packet.answers ?? []).map((answer) => ("data" in answer ? answer.data : undefined));

/** A TCP connection to the resolver; messages go as they are, lengths before them. */
export async function connectTcp(): Promise<Stream> {
  const stream = connect(53, "127.0.0.11");
  await once(stream, "connect");
  return stream;
}

/** The next `count` answers on a connection. */
export async function readTcp(stream: Stream, count: number): Promise<Decoded[]> {
  let bytes = Buffer.alloc(0);
  const packets: Decoded[] = [];
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE()) {
      const end = 2 + bytes.readUInt16BE();
      packets.push(decoded(bytes.subarray(2, end)));
      bytes = bytes.subarray(end);
    }
    if (packets.length >= count) break;
  }
  return packets;
}

export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

export async function askTcp(name: string, type: AnyType = "A"): Promise<Decoded> {
  const stream = await connectTcp();
  stream.write(framed(query(name, type)));
  const [answer] = await readTcp(stream, 1);
  stream.destroy();
  if (!answer) throw new Error(`no answer over TCP for ${name}`);
  return answer;
}

async function udpSocket(netns: NetnsPath, address: string, port: number): Promise<Socket> {
  const place = { protocol: "udp", address: parseAddress(address), port, dual: false } as const;
  const fd = inNamespace(netns, () => {
    const held = holdPort(place);
    setReceiveBuffer(held, 8 << 20);
    return held;
  });
  const socket = createSocket("udp4");
  const listening = once(socket, "listening"); // which may be told before `bind` returns
  socket.bind({ fd });
  await listening;
  return socket;
}

/** What a fake server does with a query: its answer; or nothing. */
export type Behaviour = (
  message: Buffer,
  reply: (answer: Uint8Array) => void,
  transport: "udp" | "tcp",
) => void;

/** `name` has these addresses; all else is NXDOMAIN. */
export function zone(names: Readonly<Record<string, readonly string[]>>): Behaviour {
  return (message, reply) => {
    const asked = decode(message);
    const [question] = asked.questions ?? [];
    const addresses = question && names[question.name.toLowerCase()];
    const answers = (addresses ?? []).map((data) => ({
      name: question?.name ?? "",
      type: "A" as const,
      ttl: 60,
      data,
    }));
    reply(respond(message, addresses ? 0 : 3, answers));
  };
}

export function respond(message: Buffer, rcode: number, answers: Packet["answers"] = []): Buffer {
  const asked = decode(message);
  const flags = 0x8180 | rcode;
  return encode({
    type: "response",
    id: asked.id ?? 0,
    flags,
    questions: asked.questions ?? [],
    ...(answers && { answers }),
  });
}

export class FakeServer {
  readonly asked: { message: Buffer; transport: "udp" | "tcp"; port: number }[] = [];
  readonly #udp: Socket;
  readonly #tcp: Server;

  private constructor(udp: Socket, tcp: Server) {
    this.#udp = udp;
    this.#tcp = tcp;
  }

  static async start(address: string, behaviour: Behaviour): Promise<FakeServer> {
    const udp = await udpSocket(OWN, address, 53);
    const tcp = createServer();
    const server = new FakeServer(udp, tcp);
    udp.on("message", (message, from) => {
      server.asked.push({ message, transport: "udp", port: from.port });
      behaviour(message, (answer) => udp.send(answer, from.port, from.address), "udp");
    });
    tcp.on("connection", (stream) => {
      let bytes = Buffer.alloc(0);
      stream.on("error", () => {}); // its client may go at any time
      stream.on("data", (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE()) {
          const end = 2 + bytes.readUInt16BE();
          const message = Buffer.from(bytes.subarray(2, end));
          bytes = bytes.subarray(end);
          server.asked.push({ message, transport: "tcp", port: stream.remotePort ?? 0 });
          behaviour(message, (answer) => stream.write(framed(Buffer.from(answer))), "tcp");
        }
      });
    });
    tcp.listen(53, address);
    await once(tcp, "listening");
    return server;
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }
}
