import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatMessage, parseMessage } from "../../src/cli/events.ts";
import { filtersParameter } from "../../src/cli/filters.ts";
import { chooseHost, parseEndpoint } from "../../src/cli/host.ts";
import { rowsOf } from "../../src/cli/images.ts";
import { formatPorts } from "../../src/cli/ports.ts";
import { splitReference } from "../../src/cli/pull.ts";
import { column, formatList, layOut } from "../../src/cli/table.ts";
import {
  formatBinarySize,
  formatDuration,
  formatSize,
  parseBytes,
  parseDecimal,
} from "../../src/cli/values.ts";
import { parseTimestamp } from "../../src/lib/timestamp.ts";

const COLUMNS = [
  column<{ id: string; labels: Record<string, string> }>("ID", "CONTAINER ID", ({ id }) => id),
  column<{ id: string; labels: Record<string, string> }>(
    "Label",
    "",
    ({ labels }) =>
      (key: unknown) =>
        labels[String(key)],
  ),
];
const ROWS = [
  { id: "aa", labels: { "com.x": "<1>" } },
  { id: "bbb", labels: { "com.x": "2" } },
];
const list = (format: string, quiet?: string) =>
  formatList(ROWS, COLUMNS, { format, fallback: ["ID"], quiet });

test("lists: tables, templates, JSON, ids alone", () => {
  assert.equal(list(""), "CONTAINER ID\naa\nbbb\n");
  assert.equal(
    list('table {{.ID}}\\t{{.Label "com.x"}}'),
    "CONTAINER ID   x\naa             <1>\nbbb            2\n",
  );
  assert.equal(list('{{.ID}}\\t{{.Label "com.x"}}'), "aa\t<1>\nbbb\t2\n");
  assert.equal(list("json"), '{"ID":"aa"}\n{"ID":"bbb"}\n');
  assert.equal(list("", "ID"), "aa\nbbb\n");
  assert.equal(list("x{{.ID}}", "ID"), "xaa\nxbbb\n");
});

test("columns line up for any cells", () => {
  const cell = fc.stringMatching(/^[a-zé…-]{0,20}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), (rows) => {
      const lines = layOut(rows).split("\n").slice(0, -1);
      const start = (line: string, i: number) => [...line].length - [...(rows[i]?.[2] ?? "")].length;
      assert.equal(new Set(lines.map(start)).size, 1);
      assert.ok(lines.every((line, i) => line.endsWith(rows[i]?.[2] ?? "")));
    }),
  );
});

test("ports as docker shows them", () => {
  const tcp = (PrivatePort: number, PublicPort?: number, IP?: string) => ({
    PrivatePort,
    Type: "tcp",
    ...(PublicPort && { PublicPort }),
    ...(IP !== undefined && { IP }),
  });
  const ports = [
    tcp(80, 8080, "::"),
    tcp(80, 8080, "0.0.0.0"),
    tcp(444),
    tcp(443),
    tcp(7001, 7001, "0.0.0.0"),
    tcp(7000, 7000, "0.0.0.0"),
  ];
  assert.equal(
    formatPorts(ports),
    "443-444/tcp, 0.0.0.0:7000-7001->7000-7001/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
  );
  assert.equal(formatPorts([]), "");
});

test("sizes, durations and times, in and out", () => {
  assert.deepEqual(
    [0, 999, 4_261_550, 1_234_567_890].map((size) => formatSize(size, 3)),
    ["0B", "999B", "4.26MB", "1.23GB"],
  );
  assert.equal(formatBinarySize(8_224_542_720), "7.66GiB");
  const second = 1000;
  const hour = 3600 * second;
  assert.deepEqual(
    [
      10,
      second,
      45 * second,
      61 * second,
      40 * 60 * second,
      61 * 60 * second,
      47 * hour,
      13 * 24 * hour,
      20 * 24 * hour,
      100 * 24 * hour,
      900 * 24 * hour,
    ].map(formatDuration),
    [
      "Less than a second",
      "1 second",
      "45 seconds",
      "About a minute",
      "40 minutes",
      "About an hour",
      "47 hours",
      "13 days",
      "2 weeks",
      "3 months",
      "2 years",
    ],
  );
  assert.deepEqual(
    ["64m", "1.5g", "512", "2KiB", "1b", "-1"].map(parseBytes),
    [67_108_864, 1_610_612_736, 512, 2048, 1, -1],
  );
  assert.throws(() => parseBytes("3x"), /invalid suffix: 'x'/);
  assert.throws(() => parseBytes("m"), /invalid size/);
  assert.equal(parseDecimal("1.5"), 1_500_000_000);
  assert.throws(() => parseDecimal("x"), /rational/);
  const now = Date.parse("2026-01-02T00:00:00Z");
  assert.equal(parseTimestamp("42m", now), ((now - 42 * 60_000) / 1000).toFixed(3));
  assert.equal(parseTimestamp("2026-01-02T03:04:05.5Z", now), "1767323045.500000000");
  assert.equal(parseTimestamp("1767323045.123", now), "1767323045.123");
  assert.throws(
    () => parseTimestamp("yesterday", now),
    /failed to parse value as time or duration: "yesterday"/,
  );
});

test("events keep all nine digits", () => {
  const text =
    '{"Type":"container","Action":"start","Actor":{"ID":"abc","Attributes":{"name":"web","image":"b"}},"time":1767323045,"timeNano":1767323045123456789}';
  const message = parseMessage(text);
  assert.equal(message.timeNano, 1767323045123456789n);
  assert.match(formatMessage(message), /:05\.123456789\S* container start abc \(image=b, name=web\)$/);
});

test("images: a row for each name", () => {
  const image = (RepoTags: string[], RepoDigests: string[] = []) => ({
    Id: "sha256:a",
    RepoTags,
    RepoDigests,
    Created: 1,
    Size: 1,
  });
  const rows = rowsOf([image(["b:1", "h:5000/x/y:z"], ["b@sha256:d"]), image([])], true);
  assert.deepEqual(
    rows.map(({ repository, tag, digest }) => [repository, tag, digest]),
    [
      ["b", "1", "sha256:d"],
      ["h:5000/x/y", "z", "<none>"],
      ["<none>", "<none>", "<none>"],
    ],
  );
});

test("references split where a registry's port and a digest may confuse", () => {
  assert.deepEqual(splitReference("h:5000/x"), { repository: "h:5000/x", tag: "latest" });
  assert.deepEqual(splitReference("h:5000/x:1"), { repository: "h:5000/x", tag: "1" });
  assert.deepEqual(splitReference("x@sha256:aa"), { repository: "x", tag: "sha256:aa" });
});

test("filters are gathered by name", () => {
  assert.equal(filtersParameter([]), undefined);
  assert.equal(filtersParameter(["label=a=b", "Label=c", "name=x"]), '{"label":["a=b","c"],"name":["x"]}');
  assert.throws(() => filtersParameter(["x"]), /bad format of filter/);
});

test("the engine is chosen: flag, own variable, docker's where it means us, default", () => {
  const ours = "unix:///run/user/1/drawbridge.sock";
  assert.equal(chooseHost("tcp://h:1", { DRAWBRIDGE_HOST: "x" }), "tcp://h:1");
  assert.equal(chooseHost(undefined, { DRAWBRIDGE_HOST: "x", DOCKER_HOST: ours }), "x");
  assert.equal(chooseHost(undefined, { DOCKER_HOST: ours }), ours);
  assert.equal(
    chooseHost(undefined, { DOCKER_HOST: "unix:///run/docker.sock" }),
    "unix:///run/drawbridge.sock",
  );
  assert.deepEqual(parseEndpoint("tcp://[::1]:2375"), { kind: "tcp", host: "::1", port: 2375 });
  assert.deepEqual(parseEndpoint("unix:///a b"), { kind: "unix", path: "/a b" });
  for (const wrong of ["unix://a", "ssh://x", "tcp://", "x"])
    assert.throws(() => parseEndpoint(wrong), /unable to parse/);
});
