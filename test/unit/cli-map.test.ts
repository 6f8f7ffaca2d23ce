/** The machine as text: `UPDATE_GOLDEN=1` writes it anew. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { byteText, mapText } from "../../src/cli/map-text.ts";
import { parseAddress } from "../../src/lib/ip.ts";
import type { Topology } from "../../src/observe/types.ts";
import type { Style } from "../../src/trace/render/style.ts";
import { address, id, link, namespace, network, on, world } from "./trace-world.ts";

const GOLDEN = join(import.meta.dirname, "cli-map.golden");
const wide: Style = { colour: false, unicode: true, width: 120 };

function matches(name: string, text: string): void {
  const path = join(GOLDEN, name);
  if (process.env.UPDATE_GOLDEN) writeFileSync(path, text);
  assert.equal(text, readFileSync(path, "utf8"));
}

/** With a published port, a link that is down, a namespace of nobody's, and what could not be read. */
const machine = (): Topology => ({
  ...world({
    web: {
      endpoints: [on("net-a", "10.1.0.2/24")],
      ports: [
        { protocol: "tcp", containerPort: 80, host: { port: 8080 } },
        { protocol: "udp", containerPort: 53, host: { address: parseAddress("::1"), port: 53 } },
        { protocol: "tcp", containerPort: 443 },
      ],
    },
    networks: [
      network("net-a", "10.1.0.0/24", { internal: true }),
      network("net-b", "10.2.0.0/24", { icc: false }),
    ],
    namespaces: [
      namespace(id(9), "blue", {
        links: [
          link(1, "lo"),
          link(2, "vpn0", { kind: "tun", up: false }),
          link(3, "eth0", { kind: "veth", carrier: false, other: { ifindex: 77 } }),
        ],
        addresses: [address(2, "192.0.2.1/32"), address(2, "2001:db8::1/64")],
        unread: ["its rules: EPERM"],
      }),
    ],
  }),
  unread: ["no names from podman at /run/podman/podman.sock: not answered within 300 ms"],
});

describe("the map", () => {
  test("in one line a link, where there is room", () => matches("wide.txt", mapText(machine(), wide)));

  test("in two, and in ASCII, where there is not", () => {
    const text = mapText(machine(), { colour: false, unicode: false, width: 80 });
    assert.match(text, /^[\n -~]*$/);
    assert.deepEqual(
      text.split("\n").filter((line) => line.length > 80 && !line.startsWith("not read")),
      [],
    );
    matches("narrow.txt", text);
  });

  test("tells bytes in a few digits", () => {
    assert.deepEqual([0n, 999n, 1_000n, 12_345n, 999_900n, 5_000_000_000n].map(byteText), [
      "0 B",
      "999 B",
      "1.0 kB",
      "12.3 kB",
      "1.0 MB",
      "5.0 GB",
    ]);
  });
});
