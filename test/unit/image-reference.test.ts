import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, familiar, parseReference, withDefaultTag } from "../../src/image/reference.ts";

const digest = `sha256:${"7c".repeat(32)}`;

const FORMS: readonly (readonly [written: string, whole: string, shown: string])[] = [
  ["busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
  ["library/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
  ["team/app:v1", "docker.io/team/app:v1", "team/app:v1"],
  ["library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ["localhost/app", "localhost/app:latest", "localhost/app:latest"],
  ["docker.io/localhost/app", "docker.io/localhost/app:latest", "docker.io/localhost/app:latest"],
  ["localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"],
  ["example.org:5000/a/b_c--d:T-1", "example.org:5000/a/b_c--d:T-1", "example.org:5000/a/b_c--d:T-1"],
  ["[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"],
  ["REGISTRY/app", "REGISTRY/app:latest", "REGISTRY/app:latest"],
  ["foo:5000", "docker.io/library/foo:5000", "foo:5000"],
  [`app@${digest}`, `docker.io/library/app@${digest}`, `app@${digest}`],
  [`app:1@${digest}`, `docker.io/library/app:1@${digest}`, `app:1@${digest}`],
];

test("references are made whole, and shown in the familiar form", () => {
  for (const [written, whole, shown] of FORMS) {
    const reference = withDefaultTag(parseReference(written));
    assert.equal(canonical(reference), whole, written);
    assert.equal(familiar(reference), shown, written);
  }
});

test("what can't be a reference is refused in Docker's words", () => {
  const format = /^invalid reference format$/;
  const refused: readonly (readonly [string, RegExp])[] = [
    ["", format],
    [":latest", format],
    ["a:", format],
    ["a::b", format],
    ["a//b", format],
    ["/a", format],
    ["a/", format],
    ["-a", format],
    ["a___b", format],
    ["a..b", format],
    ["a b", format],
    ["a\n", format],
    ["example.org:port/a", format],
    ["example-.org/a", format],
    [`a:${"t".repeat(129)}`, format],
    ["a:-t", format],
    ["a@sha256:1234", format],
    [`a@md5:${"0".repeat(64)}`, format],
    ["Foo", /^invalid reference format: repository name \(library\/Foo\) must be lowercase$/],
    ["team/App:1", /^invalid reference format: repository name \(team\/App\) must be lowercase$/],
    ["a".repeat(256), /must not be more than 255 characters$/],
    ["ab".repeat(32), /cannot specify 64-byte hexadecimal strings$/],
  ];
  for (const [text, message] of refused) {
    assert.throws(() => parseReference(text), { kind: "invalid", message }, JSON.stringify(text));
  }
});
