import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { copyLayer } from "../../src/image/rootfs/copy-layer.ts";
import { mountOverlay, overlayOptions } from "../../src/image/rootfs/overlay.ts";
import { unmount } from "../../src/linux/mount.ts";
import { setXattr } from "../../src/linux/xattr.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta); // mounts are its own, /run is an empty tmpfs

function directories<Names extends string>(...names: Names[]): Record<Names, string> {
  const base = fs.mkdtempSync("/run/layers-");
  for (const name of names) fs.mkdirSync(join(base, name));
  return Object.fromEntries(names.map((name) => [name, join(base, name)])) as Record<Names, string>;
}

test("more layers than fit a page of options are mounted one by one", () => {
  const { layers, upper, work, merged } = directories("layers", "upper", "work", "merged");
  const lower = Array.from({ length: 200 }, (_, i) => join(layers, `a-layer-with-a-long-name-${i}`));
  for (const [i, path] of lower.entries()) {
    fs.mkdirSync(path);
    fs.writeFileSync(join(path, `from-${i}`), "");
    fs.writeFileSync(join(path, "top"), String(i));
  }
  const overlay = { lower, upper, work, merged };
  assert.ok(overlayOptions(overlay).length > 4096);
  mountOverlay(overlay);
  try {
    assert.equal(fs.readdirSync(merged).length, 201);
    assert.equal(fs.readFileSync(join(merged, "top"), "utf8"), "0");
  } finally {
    unmount(merged, { lazy: true });
  }
  const tooMany = Array.from({ length: 501 }, (_, i) => `/run/${i}`);
  assert.throws(() => mountOverlay({ ...overlay, lower: tooMany }), { message: /500 at most/ });
});

test("paths with what separates options are mounted as they are", () => {
  const {
    "a:b,c\\d": lower,
    "u,p:": upper,
    "w,k": work,
    "m,:": merged,
  } = directories("a:b,c\\d", "u,p:", "w,k", "m,:");
  fs.writeFileSync(join(lower, "x"), "here");
  mountOverlay({ lower: [lower], upper, work, merged });
  try {
    assert.equal(fs.readFileSync(join(merged, "x"), "utf8"), "here");
  } finally {
    unmount(merged, { lazy: true });
  }
});

test("copied layers show what mounted ones would", async () => {
  const { bottom, top, copy, upper, work, merged } = directories(
    "bottom",
    "top",
    "copy",
    "upper",
    "work",
    "merged",
  );
  const put = (layer: string, name: string, text: string) => {
    fs.mkdirSync(join(layer, name, ".."), { recursive: true });
    fs.writeFileSync(join(layer, name), text);
  };
  put(bottom, "kept", "kept");
  put(bottom, "gone", "gone");
  put(bottom, "dir/below", "below");
  put(bottom, "opaque/below", "below");
  put(bottom, "was-dir/x", "x");
  put(bottom, "was-file", "x");
  put(top, "dir/above", "above");
  put(top, "opaque/above", "above");
  put(top, "was-dir", "a file now");
  put(top, "was-file/x", "a directory now");
  fs.linkSync(join(top, "dir/above"), join(top, "hard"));
  fs.symlinkSync("dir/above", join(top, "soft"));
  execFileSync("mknod", [join(top, "gone"), "c", "0", "0"]);
  execFileSync("mknod", ["-m", "640", join(top, "null"), "c", "1", "3"]);
  execFileSync("mkfifo", [join(top, "pipe")]);
  setXattr(Buffer.from(join(top, "opaque")), "trusted.overlay.opaque", Buffer.from("y"));
  setXattr(Buffer.from(join(top, "hard")), "user.note", Buffer.from("kept"));
  fs.chownSync(join(top, "dir/above"), 12, 34);
  fs.chmodSync(join(top, "dir/above"), 0o4755);
  execFileSync("find", [bottom, top, "-depth", "-exec", "touch", "-h", "-d", "@1000000000.5", "{}", "+"]);

  for (const layer of [bottom, top]) await copyLayer(layer, copy);
  mountOverlay({ lower: [top, bottom], upper, work, merged });
  try {
    assert.equal(listing(copy), listing(merged));
  } finally {
    unmount(merged, { lazy: true });
  }
  assert.equal(fs.statSync(join(copy, "hard")).ino, fs.statSync(join(copy, "dir/above")).ino);
});

/** Names, types, modes, owners, times, devices, links and contents. */
function listing(directory: string): string {
  const show = `find . -mindepth 1 -printf '%P %y %m %U:%G %T@ %l\\n' | grep -v ' d ' | sort
    find . -type d -printf '%P %m %U:%G\\n' | sort; find dir -maxdepth 0 -printf '%T@\\n'
    find . -type f | sort | xargs sha256sum; stat -c '%t,%T' null; test ! -e gone && echo gone`;
  return execFileSync("sh", ["-c", show], { cwd: directory, encoding: "utf8" });
}
