/** Every flag of `docker run`, each with its effect. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";
import * as tables from "./run-flags.ts";
import * as ofMachine from "./run-flags-machine.ts";

const CASES = [...Object.values(tables), ...Object.values(ofMachine)].flat();

describe("docker run's flags", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  let directory = "";
  const filled = (text: string) =>
    text.replaceAll("@dir", directory).replaceAll("@parent", suite.host.cgroupParent);

  before(async () => {
    directory = join(suite.host.directory, "files");
    mkdirSync(directory);
    writeFileSync(join(directory, "env"), "FILED=yes\n");
    writeFileSync(join(directory, "labels"), "of=file\n");
    await suite.host.run("sh", [
      "-c",
      `mkdir -p /var/run; ln -sf ${suite.engine.socket} /var/run/docker.sock`,
    ]);
    const network = ["--subnet", "10.66.0.0/24", "--ipv6", "--subnet", "fd00:66::/64", "flags"];
    await suite.host.docker("network", "create", ...network);
    const other = ["sh", "-c", "echo shared >/shared/file; exec sleep 1000"];
    await suite.host.docker("run", "-d", "--name", "other", "-v", "/shared", "busybox", ...other);
  });

  for (const { flag, flags, line = "true", input, shows, after, code = 0 } of CASES) {
    test(`--${flag}`, async () => {
      const words = ["--name", "last", ...flags.map(filled), "busybox", "sh", "-c", line];
      try {
        const ran = await suite.host.run("docker", ["run", ...words], { check: false, input: input ?? "" });
        assert.equal(ran.code, code, ran.stderr);
        if (shows) assert.match(ran.stdout + ran.stderr, shows);
        if (after) {
          const [command, told] = after;
          const { stdout } = await suite.host.run("sh", ["-c", filled(command)]);
          assert.match(stdout.trimEnd(), told);
        }
      } finally {
        await suite.host.tryDocker("rm", "-f", "last");
      }
    });
  }

  test("no flag is missing here", async () => {
    const { stdout } = await suite.host.docker("run", "--help");
    const known = new Set(CASES.map(({ flag }) => flag));
    const all = [...stdout.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm)].map(([, name = ""]) => name);
    assert.deepEqual(
      all.filter((name) => !known.has(name)),
      [],
    );
  });
});
