/** A probe is known on its way there, in its answer, and in errors about it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Address, type Family, parseAddress } from "../../src/lib/ip.ts";
import { viewOf } from "../../src/linux/bytes.ts";
import { type Carried, makePacket } from "../../src/trace/packet/make.ts";
import type { Packet } from "../../src/trace/packet/types.ts";
import { type Marks, meaningOf, meaningOfBeginning } from "../../src/trace/prove/marks.ts";
import { chanceFor, makeProbe, questionOf } from "../../src/trace/prove/probe.ts";
import type { Flow } from "../../src/trace/types.ts";

const ENDS: Readonly<Record<Family, readonly [Address, Address]>> = {
  4: [parseAddress("10.0.0.2"), parseAddress("10.0.0.3")],
  6: [parseAddress("2001:db8::2"), parseAddress("2001:db8::3")],
};
const FLOWS: Readonly<Record<string, Pick<Flow, "protocol" | "port" | "query">>> = {
  icmp: { protocol: "icmp" },
  tcp: { protocol: "tcp", port: 80 },
  udp: { protocol: "udp", port: 9 },
  dns: { protocol: "udp", port: 53, query: "db.example" },
};
const SOURCE_PORT = 40_000;

function probeOf(family: Family, kind: string) {
  const flow: Flow = {
    from: { label: "a" },
    to: { label: "b" },
    destination: ENDS[family][1],
    ...(FLOWS[kind] ?? { protocol: "icmp" }),
  };
  return makeProbe(flow, chanceFor(flow), ENDS[family][0], SOURCE_PORT);
}

const dataOf = ({ bytes, transport = 0 }: Packet, header: number): Uint8Array =>
  bytes.slice(transport + header);

/** What a peer sends back, whose addresses and ports were translated meanwhile. */
function answerTo(kind: string, packet: Packet): Carried {
  const view = viewOf(packet.bytes);
  const at = packet.transport ?? 0;
  const ports = { sourcePort: 8080, destinationPort: SOURCE_PORT };
  if (kind === "icmp") return { kind: "echo-reply", identifier: 7, sequence: 1, data: dataOf(packet, 8) };
  if (kind === "tcp")
    return { kind: "tcp", ...ports, flags: "syn-ack", acknowledgement: (view.getUint32(at + 4) + 1) >>> 0 };
  if (kind === "udp") return { kind: "udp", ...ports, data: Uint8Array.of(1, 2, 3) };
  const data = dataOf(packet, 8);
  data.set([0x81, 0x80], 2); // an answer's flags
  return { kind: "udp", sourcePort: 53, destinationPort: 12_345, data };
}

const meaning = (marks: Marks, family: Family, carries: Carried) =>
  meaningOf(marks, makePacket({ source: ENDS[family][1], destination: ENDS[family][0], carries }));

describe("marks", () => {
  for (const family of [4, 6] as const) {
    for (const kind of Object.keys(FLOWS)) {
      test(`${kind} over IPv${family}`, () => {
        const { packet, marks } = probeOf(family, kind);
        assert.equal(meaningOf(marks, packet), "probe");
        assert.equal(meaning(marks, family, answerTo(kind, packet)), "answer");
        const header = packet.bytes.slice(packet.transport, (packet.transport ?? 0) + 20);
        assert.equal(meaningOfBeginning(marks, packet.protocol ?? 0, header), "probe");
        const error = { kind: "icmp-error", type: family === 4 ? 3 : 1, code: 1 } as const;
        assert.equal(meaning(marks, family, { ...error, about: packet }), "error");
        const short = packet.bytes.subarray(0, (packet.transport ?? 0) + 8);
        assert.equal(meaning(marks, family, { ...error, about: { ...packet, bytes: short } }), "error");
      });
      test(`another ${kind} over IPv${family}`, () => {
        const { marks } = probeOf(family, kind);
        const other = makeProbe(
          {
            from: { label: "" },
            to: { label: "" },
            destination: ENDS[family][1],
            protocol: "icmp",
            ...FLOWS[kind],
          },
          { magic: Uint8Array.of(0, 0, 0, 0), echo: Uint8Array.of(0, 0, 0, 0) },
          ENDS[family][0],
          SOURCE_PORT + 1,
        );
        assert.equal(meaningOf(marks, other.packet), undefined);
        if (kind !== "udp") assert.equal(meaning(marks, family, answerTo(kind, other.packet)), undefined);
      });
    }
  }

  test("the largest sequence number is followed by zero", () => {
    const flow: Flow = {
      from: { label: "" },
      to: { label: "" },
      destination: ENDS[4][1],
      protocol: "tcp",
      port: 1,
    };
    const chance = { magic: Uint8Array.of(255, 255, 255, 255), echo: new Uint8Array(4) };
    const { marks } = makeProbe(flow, chance, ENDS[4][0], SOURCE_PORT);
    const ports = { sourcePort: 1, destinationPort: SOURCE_PORT };
    assert.equal(
      meaning(marks, 4, { kind: "tcp", ...ports, flags: "rst-ack", acknowledgement: 0 }),
      "answer",
    );
  });

  test("a probe is as large as it is asked for", () => {
    for (const protocol of ["icmp", "tcp", "udp"] as const) {
      const flow: Flow = {
        from: { label: "" },
        to: { label: "" },
        destination: ENDS[4][1],
        protocol,
        port: 9,
        size: 1400,
        dontFragment: true,
      };
      const { packet } = makeProbe(flow, chanceFor(flow), ENDS[4][0], SOURCE_PORT);
      assert.equal(packet.bytes.length, 1400);
      assert.equal(viewOf(packet.bytes).getUint16(6), 0x4000);
    }
  });

  test("a question", () => {
    const bytes = [2, 0x64, 0x62, 3, 0x6e, 0x65, 0x74, 0, 0, 1, 0, 1];
    assert.deepEqual([...questionOf("db.net.")], bytes);
    assert.throws(() => questionOf("x".repeat(64)), RangeError);
  });
});
