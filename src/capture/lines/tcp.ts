/** TCP, RFC 9293; options of RFC 7323 and RFC 2018. */
import { viewOf } from "../../linux/bytes.ts";
import { type Around, ends } from "./around.ts";
import { CUT } from "./text.ts";

const HEADER = 20;
const [FIN, SYN, RST, PSH, ACK, URG, ECE, CWR] = [1, 2, 4, 8, 16, 32, 64, 128];
/** As tcpdump writes them. */
const LETTERS = [
  [FIN, "F"],
  [SYN, "S"],
  [RST, "R"],
  [PSH, "P"],
  [ACK, "."],
  [URG, "U"],
  [ECE, "E"],
  [CWR, "W"],
] as const;

/** `a.34567 > b.80: Flags [P.], seq 1:49, ack 5, win 502, length 48`. Numbers are the packet's own. */
export function describeTcp(bytes: Uint8Array, around: Around): string {
  if (bytes.length < HEADER) return `${ends(around)}: TCP ${CUT}`;
  const view = viewOf(bytes);
  const flags = view.getUint8(13);
  const header = (view.getUint8(12) >> 4) * 4;
  const who = ends(around, [view.getUint16(0), view.getUint16(2)]);
  if (header < HEADER) return `${who}: TCP with a header that is none`;
  const length = Math.max(0, around.length - header);
  const sequence = view.getUint32(4);
  const letters = LETTERS.filter(([bit]) => flags & bit).map(([, letter]) => letter);
  const options = optionsOf(bytes.subarray(HEADER, header));
  const parts = [
    `Flags [${letters.join("") || "none"}]`,
    ...(length > 0 ? [`seq ${sequence}:${(sequence + length) >>> 0}`] : []),
    ...(length === 0 && flags & (SYN | FIN | RST) ? [`seq ${sequence}`] : []),
    ...(flags & ACK ? [`ack ${view.getUint32(8)}`] : []),
    `win ${view.getUint16(14)}`,
    ...(options.length > 0 ? [`options [${options.join(",")}]`] : []),
    `length ${length}`,
  ];
  return `${who}: ${parts.join(", ")}`;
}

const [END, NOP, MSS, WINDOW_SCALE, SACK_OK, SACK, TIMESTAMPS] = [0, 1, 2, 3, 4, 5, 8];

function optionsOf(bytes: Uint8Array): readonly string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = bytes[at];
    if (kind === END) break;
    if (kind === NOP) {
      at += 1;
      continue;
    }
    const size = bytes[at + 1] ?? 0;
    if (size < 2 || at + size > bytes.length) return [...found, CUT];
    found.push(option(kind ?? 0, bytes.subarray(at + 2, at + size)));
    at += size;
  }
  return found;
}

function option(kind: number, value: Uint8Array): string {
  const view = viewOf(value);
  if (kind === MSS && value.length === 2) return `mss ${view.getUint16(0)}`;
  if (kind === WINDOW_SCALE && value.length === 1) return `wscale ${view.getUint8(0)}`;
  if (kind === SACK_OK) return "sackOK";
  if (kind === SACK) return `sack ${Math.floor(value.length / 8)}`;
  if (kind === TIMESTAMPS && value.length === 8)
    return `TS val ${view.getUint32(0)} ecr ${view.getUint32(4)}`;
  return `option ${kind}`;
}
