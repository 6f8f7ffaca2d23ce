/** The doctor on a real host: silent while all is well, and not when it isn't. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const COMMAND = join(import.meta.dirname, "../../bin/drawbridge");

describe("doctor", { skip: withoutRoot }, () => {
  const lab = hostWithEngine();
  const doctor = (...args: string[]) =>
    lab.host.run(COMMAND, ["-H", lab.host.address, "doctor", ...args], { check: false });
  const shell = (command: string) => lab.host.run("sh", ["-c", command]);
  /** The first line of each finding, and what follows it as far as it is one sentence. */
  const titles = (text: string) =>
    [...text.matchAll(/^(broken|risk|note) +(.*(?:\n {8}\S.*)*)/gm)].map(
      ([, severity, title = ""]) => `${severity}: ${title.replace(/\n +/g, " ")}`,
    );

  before(async () => {
    const { host } = lab;
    await host.docker("run", "-d", "--name", "web", "-p", "8080:80", "busybox", "httpd", "-f", "-p", "80");
    await host.docker("network", "create", "own");
    await host.docker("run", "-d", "--name", "db", "--network", "own", "busybox", "sleep", "1000");
    await host.docker("run", "-d", "--name", "peer", "--network", "own", "busybox", "sleep", "1000");
  });

  test("a healthy host is one line, and exit code 0", async () => {
    const { code, stdout } = await doctor();
    assert.match(stdout, /^\d+ checks in \d\.\d s: nothing is wrong\n$/);
    assert.equal(code, 0);
  });

  test("rules stay as they were", async () => {
    const before = (await shell("nft list ruleset")).stdout;
    await doctor("web");
    assert.equal((await shell("nft list ruleset")).stdout, before);
  });

  test("three troubles are named, the safe ones mended, and the rest told", async () => {
    await shell(`
      sysctl -qw net.ipv4.ip_forward=0
      nsenter -t $(docker inspect -f '{{.State.Pid}}' web) -n ip route del default
      nft add table ip closing
      nft add chain ip closing in '{ type filter hook prerouting priority -200; }'
      nft add rule ip closing in iifname eth0 tcp dport 8080 drop
    `);
    const sick = await doctor();
    assert.equal(sick.code, 1);
    const found = titles(sick.stdout).join("\n");
    assert.match(
      found,
      /^broken: containers .* can't reach other hosts: this machine does not forward IPv4/m,
    );
    assert.match(found, /^broken: container web has no default route/m);
    assert.match(found, /^broken: port 8080\/tcp of web is closed for whoever comes by eth0/m);
    assert.match(sick.stdout, /rule ip closing in handle \d+: iifname "eth0" tcp dport 8080 drop/);

    const mended = await doctor("--fix");
    assert.match(mended.stdout, /^fixing: sysctl -w net\.ipv4\.ip_forward=1$/m);
    assert.match(mended.stdout, /^fixing: nsenter .* ip route add default via 172\.17\.0\.1 dev eth0$/m);
    assert.equal((await shell("sysctl -n net.ipv4.ip_forward")).stdout, "1\n");
    const left = titles(mended.stdout);
    assert.equal(left.length, 1, left.join("\n"));
    assert.match(left[0] ?? "", /^broken: port 8080/);
    assert.equal(mended.code, 1);
    await shell("nft delete table ip closing");
  });

  test("of one container, as JSON", async () => {
    await shell("nsenter -t $(docker inspect -f '{{.State.Pid}}' db) -n ip link set lo down");
    const { code, stdout } = await doctor("--json", "db");
    const told = JSON.parse(stdout);
    assert.equal(code, 1);
    assert.equal(told.exitCode, 1);
    assert.deepEqual(
      told.findings.map(({ check, about }: { check: string; about: unknown }) => [check, about]),
      [["link-down", { namespace: "db", link: "lo", container: "db" }]],
    );
    assert.deepEqual(told.unchecked, []);
  });

  test("a name that is nobody's gets the one that is near", async () => {
    const { code, stderr } = await doctor("wbe");
    assert.match(stderr, /No such container: wbe \(did you mean web\?\)/);
    assert.equal(code, 125);
  });
});
