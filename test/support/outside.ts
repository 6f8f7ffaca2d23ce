/**
 * The DNS server of a throwaway host's outside namespace, on port 53 of every address there. Says `ready` on
 * standard output once it listens. RFC 1035, sections 4.1.1 to 4.1.3.
 */
import { createSocket } from "node:dgram";
import { addressBytes, parseAddress } from "../../src/lib/ip.ts";
import { INTERNET } from "./internet.ts";

const TYPES = { 4: 1, 6: 28 } as const; // A, AAAA
const CLASS_IN = 1;
const NAME_ERROR = 3;
/** QR, RD and RA: a response of a server that recurses. */
const RESPONSE = 0x8180;
/** The name is that of the question, at offset 12. */
const POINTER_TO_QUESTION = 0xc00c;

interface Question {
  readonly name: string;
  readonly type: number;
  /** Where it ends in the message. */
  readonly end: number;
}

function question(message: Buffer): Question | undefined {
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || message.length < at + 5) return undefined;
    at += 1;
    if (length === 0)
      return { name: labels.join(".").toLowerCase(), type: message.readUInt16BE(at), end: at + 4 };
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
}

function answer(type: number, bytes: Uint8Array): Buffer {
  const record = Buffer.alloc(12 + bytes.length);
  record.writeUInt16BE(POINTER_TO_QUESTION, 0);
  record.writeUInt16BE(type, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(60, 6); // seconds to live
  record.writeUInt16BE(bytes.length, 10);
  record.set(bytes, 12);
  return record;
}

function respond(query: Buffer): Buffer | undefined {
  const asked = query.length > 12 ? question(query) : undefined;
  if (!asked) return undefined;
  const addresses = INTERNET[asked.name];
  const answers = (addresses ?? [])
    .map(parseAddress)
    .filter((address) => TYPES[address.family] === asked.type)
    .map((address) => answer(asked.type, addressBytes(address)));
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2); // the query's id
  header.writeUInt16BE(addresses ? RESPONSE : RESPONSE | NAME_ERROR, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, query.subarray(12, asked.end), ...answers]);
}

const server = createSocket("udp6"); // of both families
server.on("message", (query, from) => {
  const response = respond(query);
  if (response) server.send(response, from.port, from.address);
});
server.bind(53, "::", () => console.log("ready"));
