import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LITTLE_ENDIAN, viewOf, Writer } from "../../src/linux/bytes.ts";
import { putBytes } from "../../src/linux/netlink/attribute.ts";
import { putLink } from "../../src/linux/rtnetlink/link.ts";
import { readTraffic } from "../../src/linux/rtnetlink/traffic.ts";

const IFLA_STATS64 = 23;

/** As the kernel writes it, with counters that no release before or after this one has. */
function told(counters: readonly bigint[]): Uint8Array {
  const stats = new Uint8Array(counters.length * 8);
  counters.forEach((value, index) => {
    viewOf(stats).setBigUint64(index * 8, value, LITTLE_ENDIAN);
  });
  const to = new Writer(1);
  putLink(to, { name: "eth0", mtu: 1500 });
  putBytes(to, IFLA_STATS64, stats);
  return to.written().slice();
}

test("counters of a link are whole, however large", () => {
  const counters = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 8, maxLength: 30 });
  fc.assert(
    fc.property(counters, (values) => {
      const [rxPackets, txPackets, rxBytes, txBytes, rxErrors, txErrors, rxDropped, txDropped] = values;
      assert.deepEqual(readTraffic(told(values)), {
        name: "eth0",
        rxPackets,
        txPackets,
        rxBytes,
        txBytes,
        rxErrors,
        txErrors,
        rxDropped,
        txDropped,
      });
    }),
  );
});

test("whatever bytes come, reading them throws nothing, and fewer counters are none", () => {
  assert.equal(readTraffic(told([1n, 2n, 3n])), undefined);
  const whole = told([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
  const broken = fc
    .tuple(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255))
    .map(([length, at, value]) => {
      const bytes = whole.slice();
      bytes[at] = value;
      return bytes.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), broken), (bytes) => {
      readTraffic(bytes);
    }),
  );
});
