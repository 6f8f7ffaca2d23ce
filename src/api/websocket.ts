/** WebSocket (RFC 6455), the server's side: the handshake's key, and frames in both directions. */
import { createHash } from "node:crypto";
import { invalid } from "../lib/errors.ts";

/** RFC 6455, section 1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`. */
export const acceptKey = (key: string): string => createHash("sha1").update(`${key}${GUID}`).digest("base64");

/** Section 11.8. */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Section 7.4.1. */
export const CLOSE_CODES = { normal: 1000, protocolError: 1002 } as const;

const FINAL = 0x80;
const MASKED = 0x80;
const LONG = 126;
const LONGER = 127;
/** What a control frame holds at most. */
const CONTROL_LIMIT = 125;

/**
 * One frame, whole, unmasked as a server's are. Section 5.2:
 *
 *     FIN RSV1-3 opcode(4) | MASK length(7) | length(16 or 64, where it says 126 or 127) | payload
 */
export function encodeFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const extra = length <= CONTROL_LIMIT ? 0 : length <= 0xffff ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + extra + length);
  frame[0] = FINAL | opcode;
  frame[1] = extra === 0 ? length : extra === 2 ? LONG : LONGER;
  if (extra === 2) frame.writeUInt16BE(length, 2);
  if (extra === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 2 + extra);
  return frame;
}

export function closeFrame(code: number): Uint8Array {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return encodeFrame(OPCODES.close, payload);
}

/** What a client said: data as it comes, in pieces of frames; control frames whole. */
export interface Received {
  readonly kind: "data" | "close" | "ping" | "pong";
  readonly payload: Uint8Array;
}

interface Frame {
  readonly opcode: number;
  readonly mask: Uint8Array;
  readonly length: number;
  /** Bytes of the payload that have come. */
  done: number;
}

/** Takes a client's bytes however they are cut. */
export class FrameDecoder {
  #rest: Uint8Array = new Uint8Array();
  #frame: Frame | undefined;
  #control: Uint8Array[] = [];

  /** @throws invalid for what breaks the protocol */
  push(bytes: Uint8Array): Received[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const received: Received[] = [];
    for (;;) {
      this.#frame ??= this.#header();
      const frame = this.#frame;
      if (!frame) return received;
      const payload = unmask(this.#take(frame.length - frame.done), frame);
      frame.done += payload.length;
      const whole = frame.done === frame.length;
      if (frame.opcode >= OPCODES.close) {
        this.#control.push(payload);
        if (whole)
          received.push({ kind: kindOf(frame.opcode), payload: Buffer.concat(this.#control.splice(0)) });
      } else if (payload.length > 0) {
        received.push({ kind: "data", payload });
      }
      if (!whole) return received;
      this.#frame = undefined;
    }
  }

  #take(most: number): Uint8Array {
    const taken = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** @returns undefined where it has not come whole */
  #header(): Frame | undefined {
    const view = Buffer.from(this.#rest.buffer, this.#rest.byteOffset, this.#rest.length);
    const [first, second] = view;
    if (first === undefined || second === undefined) return undefined;
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0) throw invalid("websocket: reserved bits without an extension");
    if (!Object.values(OPCODES).some((known) => known === opcode)) {
      throw invalid(`websocket: no opcode ${opcode}`);
    }
    if ((second & MASKED) === 0) throw invalid("websocket: a client's frame is not masked");
    const short = second & 0x7f;
    const isControl = opcode >= OPCODES.close;
    if (isControl && (short > CONTROL_LIMIT || (first & FINAL) === 0)) {
      throw invalid("websocket: a control frame is too long, or in parts");
    }
    const extra = short === LONG ? 2 : short === LONGER ? 8 : 0;
    const size = 2 + extra + 4;
    if (view.length < size) return undefined;
    const length = extra === 0 ? short : extra === 2 ? view.readUInt16BE(2) : Number(view.readBigUInt64BE(2));
    if (!Number.isSafeInteger(length)) throw invalid(`websocket: a frame of ${length} bytes`);
    const mask = view.subarray(size - 4, size);
    this.#take(size);
    return { opcode, mask, length, done: 0 };
  }
}

const kindOf = (opcode: number): Received["kind"] =>
  opcode === OPCODES.close ? "close" : opcode === OPCODES.ping ? "ping" : "pong";

/** Section 5.3: each byte with the mask's byte of its place in the frame. */
function unmask(piece: Uint8Array, { mask, done }: Frame): Uint8Array {
  const plain = Buffer.allocUnsafe(piece.length);
  for (let i = 0; i < piece.length; i += 1) plain[i] = (piece[i] ?? 0) ^ (mask[(done + i) % 4] ?? 0);
  return plain;
}
