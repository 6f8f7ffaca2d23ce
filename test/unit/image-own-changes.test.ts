/** What of a container's own layer is a change of the container. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { changesOf, shownChange } from "../../src/image/rootfs/changes.ts";
import { makeInitLayer } from "../../src/image/rootfs/init-layer.ts";

class Layers implements Disposable {
  readonly #top = mkdtempSync(join(tmpdir(), "drawbridge-changes-"));
  readonly #below: string[] = [];

  /** @param files their texts, by path. @returns its directory */
  layer(files: Readonly<Record<string, string>>): string {
    const root = mkdtempSync(join(this.#top, "layer-"));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text, { mode: 0o644 });
      utimesSync(join(root, name), 1000, 1000);
    }
    return root;
  }

  /** Further down than all before it. */
  lay(root: string): void {
    this.#below.push(root);
  }

  /** `added /x` each. @param whole as of a container whose layers were copied into its own */
  async changes(own: string, whole = false): Promise<string[]> {
    const below = this.#below.map((path) => Buffer.from(path));
    const changes = await changesOf({ own: Buffer.from(own), whole, below });
    return changes.map(shownChange).map(({ kind, path }) => `${kind} ${path}`);
  }

  [Symbol.dispose](): void {
    rmSync(this.#top, { recursive: true });
  }
}

const MADE_BY_RUNTIME = { "etc/hosts": "", "etc/hostname": "", "etc/resolv.conf": "", "dev/console": "" };

describe("files that the runtime made to mount something on", () => {
  it("are no changes, whether or not there is a layer that has them now", async () => {
    using layers = new Layers();
    layers.lay(layers.layer({ "etc/passwd": "root", "dev/x": "" }));
    const own = layers.layer(MADE_BY_RUNTIME);
    assert.deepEqual(await layers.changes(own), []);
    const init = layers.layer({});
    makeInitLayer(init);
    layers.lay(init);
    assert.deepEqual(await layers.changes(own), []);
  });

  it("are changes where they were written, or emptied of what the image has", async () => {
    using layers = new Layers();
    layers.lay(layers.layer({ "etc/hosts": "of the image" }));
    const own = layers.layer({ ...MADE_BY_RUNTIME, "etc/hostname": "written", "etc/other": "" });
    assert.deepEqual(await layers.changes(own), [
      "added /dev",
      "modified /etc",
      "added /etc/hostname",
      "modified /etc/hosts",
      "added /etc/other",
    ]);
  });

  it("are no changes of a container that has a copy of all its layers", async () => {
    using layers = new Layers();
    layers.lay(layers.layer({ "etc/passwd": "root" }));
    assert.deepEqual(await layers.changes(layers.layer({ "etc/passwd": "root", "etc/hosts": "" }), true), []);
  });
});
