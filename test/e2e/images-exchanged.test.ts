/** Images that go to other tools and come back: by `docker save` and `docker load`. Engines: compat/exchange.test.ts. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("images exchanged", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = async (...args: string[]) => (await suite.host.docker(...args)).stdout;
  const at = (name: string) => join(suite.host.directory, name);

  test("with skopeo: archives of both forms", async () => {
    await docker("run", "--rm", "busybox", "true");
    const id = (await docker("image", "inspect", "-f", "{{.Id}}", "busybox")).trim();
    await docker("save", "-o", at("one.tar"), "busybox");
    const host = suite.host;
    const inspected = await host.run("skopeo", ["inspect", `docker-archive:${at("one.tar")}:busybox:latest`]);
    assert.match(JSON.parse(inspected.stdout).Digest, /^sha256:/);
    const copy = (from: string, to: string) =>
      host.run("skopeo", ["--insecure-policy", "--tmpdir", host.directory, "copy", "-q", from, to]);
    const forms = [
      ["oci-archive", "oci.tar:registry.test/oci:1", "registry.test/oci:1"],
      ["docker-archive", "docker.tar:registry.test/docker:1", "registry.test/docker:1"],
    ] as const;
    for (const [form, where, name] of forms) {
      await copy(`docker-archive:${at("one.tar")}:busybox:latest`, `${form}:${at(where)}`);
      const file = at(where.slice(0, where.indexOf(":")));
      assert.equal(await docker("load", "-i", file), `Loaded image: ${name}\n`);
      const found = (await docker("image", "inspect", "-f", "{{.Id}}", name)).trim();
      // OCI's form has a config of its own: another id, the same layers.
      if (form === "docker-archive") assert.equal(found, id);
      assert.equal(await docker("run", "--rm", name, "echo", "hi"), "hi\n");
    }
  });

  test("an archive in the place of another: its tag moves, what was under it stays by id", async () => {
    await docker("run", "--name", "cc", "busybox", "touch", "/x");
    await docker("commit", "cc", "moving");
    const first = (await docker("image", "inspect", "-f", "{{.Id}}", "moving")).trim();
    await docker("save", "-o", at("moving.tar"), "moving");
    await docker("commit", "-m", "second", "cc", "moving");
    const second = (await docker("image", "inspect", "-f", "{{.Id}}", "moving")).trim();
    assert.equal(
      await docker("load", "-i", at("moving.tar")),
      `The image moving:latest already exists, renaming the old one with ID ${second} to empty string\n` +
        "Loaded image: moving:latest\n",
    );
    assert.equal((await docker("image", "inspect", "-f", "{{.Id}}", "moving")).trim(), first);
    assert.match(await docker("images", "-q", "--no-trunc", "-f", "dangling=true"), new RegExp(second));
    await docker("rm", "cc");
    const pruned = await docker("image", "prune", "-f");
    assert.match(pruned, new RegExp(`deleted: ${second}`));
    assert.doesNotMatch(pruned, new RegExp(first));
  });
});
