/** Names in containers, asked of the embedded DNS by the programs that people use. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { inspect } from "../support/inspect.ts";
import { FAR, HOST, OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("names", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);

  before(async () => {
    await docker("network create --subnet 10.70.0.0/24 four");
    await docker("network create --subnet 10.71.0.0/24 --ipv6 --subnet fd00:71::/64 both");
    await docker("network create --internal --subnet 10.72.0.0/24 inner");
    await docker.idle("asker", "--network four");
    await docker.idle("asker6", "--network both");
  });

  /** Addresses that nslookup prints for a name, in the order in which they come; `NXDOMAIN` where it says so. */
  async function lookUp(container: string, name: string, ...more: string[]): Promise<readonly string[]> {
    const { stdout, stderr } = await suite.host.tryDocker("exec", container, "nslookup", ...more, name);
    const told = stdout + stderr;
    if (/NXDOMAIN/.test(told)) return ["NXDOMAIN"];
    if (/REFUSED|SERVFAIL|timed out|no servers/.test(told)) return [told];
    return [...told.matchAll(/^(?:Name:\t.*\n)?Address: (\S+)$/gm)].map(([, address = ""]) => address);
  }
  /** The names that an address has. */
  async function pointer(container: string, address: string): Promise<readonly string[]> {
    const { stdout } = await suite.host.tryDocker("exec", container, "nslookup", address);
    return [...stdout.matchAll(/name = (\S+)$/gm)].map(([, name = ""]) => name);
  }
  const gone = async (container: string, name: string) =>
    assert.deepEqual(await lookUp(container, name), ["NXDOMAIN"], name);

  test("the resolver is 127.0.0.11, and names are there before the first instruction", async () => {
    assert.match(await docker("exec asker cat /etc/resolv.conf"), /^nameserver 127\.0\.0\.11$/m);
    const told = await docker("run --rm --network four --name early busybox nslookup early");
    assert.match(told, /Address: 10\.70\.0\.\d+/);
    assert.match(await docker("run --rm --network four busybox ping -c1 -W2 asker"), / 0% packet loss/);
  });

  test("container name, aliases, short id, hostname; each with its network; in any case", async () => {
    await docker.idle(
      "web",
      "--network four --ip 10.70.0.50 --hostname theweb --network-alias www --network-alias api.local",
    );
    const { Id } = await inspect(suite.host, "web");
    const names = ["web", "www", "api.local", "theweb", Id.slice(0, 12)];
    for (const name of [...names, ...names.map((each) => `${each}.four`), "WEB", "wWw.FOUR", "web."]) {
      assert.deepEqual(await lookUp("asker", name), ["10.70.0.50"], name);
    }
    await docker("exec asker ping -c1 -W2 www");
    assert.deepEqual(await pointer("asker", "10.70.0.50"), ["web.four"]);
    assert.deepEqual(await pointer("web", "10.70.0.50"), ["web.four"]);
    await docker("rm -f web");
    for (const name of names) await gone("asker", name);
    assert.deepEqual(await pointer("asker", "10.70.0.50"), []);
  });

  test("of both families; of one, where it has one", async () => {
    await docker.idle("twin", "--network both --ip 10.71.0.50 --ip6 fd00:71::50");
    assert.deepEqual((await lookUp("asker6", "twin")).toSorted(), ["10.71.0.50", "fd00:71::50"]);
    assert.deepEqual(await lookUp("asker6", "twin", "-type=AAAA"), ["fd00:71::50"]);
    assert.deepEqual(await pointer("asker6", "fd00:71::50"), ["twin.both"]);
    await docker("exec asker6 ping -6 -c1 -W2 twin");
    // Empty, and no NXDOMAIN.
    assert.deepEqual(await lookUp("asker", "asker", "-type=AAAA"), []);
    assert.deepEqual(await lookUp("asker", "asker", "-type=MX"), []);
    await docker("rm -f twin");
  });

  test("an alias of several containers: all of them, in turns", async () => {
    for (const number of [1, 2, 3]) {
      await docker.idle(`many${number}`, `--network four --ip 10.70.0.6${number} --network-alias many`);
    }
    const firsts = new Set<string>();
    for (let n = 0; n < 12; n += 1) {
      const found = await lookUp("asker", "many", "-type=A");
      assert.deepEqual(found.toSorted(), ["10.70.0.61", "10.70.0.62", "10.70.0.63"]);
      firsts.add(found[0] ?? "");
    }
    assert.equal(firsts.size, 3);
    await docker("stop -t 0 many2");
    assert.deepEqual((await lookUp("asker", "many", "-type=A")).toSorted(), ["10.70.0.61", "10.70.0.63"]);
    await docker("start many2");
    assert.equal((await lookUp("asker", "many", "-type=A")).length, 3);
    await docker("rm -f many1 many2 many3");
  });

  test("of a network's own alone: not of others, nor of the default bridge", async () => {
    await docker.idle("hidden", "--network both --network-alias secret");
    await docker.idle("usual");
    for (const name of ["hidden", "secret", "usual"]) await gone("asker", name);
    // A name that is not shared is the outside's to answer: the default bridge has no embedded DNS.
    assert.match(
      await docker("exec usual cat /etc/resolv.conf"),
      new RegExp(`^nameserver ${OUTSIDE.address}$`, "m"),
    );
    await gone("usual", "hidden");
    await docker("network connect --alias now four hidden");
    assert.equal((await lookUp("asker", "hidden")).length, 1);
    assert.equal((await lookUp("asker", "now")).length, 1);
    await gone("asker", "secret");
    await docker("network disconnect four hidden");
    await gone("asker", "hidden");
    await docker("rm -f hidden usual");
  });

  test("a container on two networks knows the names of both", async () => {
    await docker(
      "run -d --name middle --network name=four,alias=left --network name=both,alias=right busybox sleep 1000",
    );
    for (const name of ["asker", "asker.four", "asker6", "asker6.both"]) {
      assert.notDeepEqual(await lookUp("middle", name), ["NXDOMAIN"], name);
    }
    assert.equal((await lookUp("asker", "left")).length, 1);
    await gone("asker", "right");
    await gone("asker6", "left");
    await gone("asker", "middle.both");
    await docker("rm -f middle");
  });

  test("renamed, stopped, paused, removed", async () => {
    await docker.idle("before", "--network four --ip 10.70.0.80 --network-alias kept");
    await docker("rename before after");
    assert.deepEqual(await lookUp("asker", "after"), ["10.70.0.80"]);
    assert.deepEqual(await lookUp("asker", "kept"), ["10.70.0.80"]);
    await gone("asker", "before");
    assert.deepEqual(await pointer("asker", "10.70.0.80"), ["after.four"]);
    await docker("pause after");
    assert.deepEqual(await lookUp("asker", "after"), ["10.70.0.80"]);
    await docker("unpause after");
    await docker("stop -t 0 after");
    await gone("asker", "after");
    await gone("asker", "kept");
    await docker("start after");
    assert.deepEqual(await lookUp("asker", "after"), ["10.70.0.80"]);
    await docker("rm -f after");
    await gone("asker", "after");
  });

  test("--link container:alias, on a network of one's own and on the default bridge", async () => {
    await docker.idle("target", "--network four --ip 10.70.0.90");
    await docker.idle("linking", "--network four --link target:db");
    assert.deepEqual(await lookUp("linking", "db"), ["10.70.0.90"]);
    await gone("asker", "db");
    await docker("rm -f target linking");
    await docker.idle("target", "-e A=1 --expose 5432");
    await docker.idle("linking", "--link target:db");
    await docker("exec linking ping -c1 -W2 db");
    await docker("exec linking ping -c1 -W2 target");
    assert.match(await docker("exec linking env"), /^DB_PORT_5432_TCP_PORT=5432$/m);
    await docker("rm -f target linking");
  });

  test("all others are the outside's to answer", async () => {
    assert.deepEqual(await lookUp("asker", "example.org"), [FAR.address]);
    assert.deepEqual(
      (await lookUp("asker6", "v6.example.org")).toSorted(),
      [FAR.address, FAR.address6].toSorted(),
    );
    await gone("asker", "no.such.example");
    await docker("exec asker ping -c1 -W2 example.org");
  });

  test("an internal network forwards nothing, and knows its own", async () => {
    await docker.idle("inside", "--network inner");
    await docker.idle("inside2", "--network inner");
    assert.equal((await lookUp("inside", "inside2")).length, 1);
    const [answer = ""] = await lookUp("inside", "example.org");
    assert.match(answer, /SERVFAIL|REFUSED|NXDOMAIN|timed out/);
    // With another network beside it, there is a way out.
    await docker("network connect four inside");
    assert.deepEqual(await lookUp("inside", "example.org"), [FAR.address]);
    await docker("network disconnect four inside");
    assert.notDeepEqual(await lookUp("inside", "example.org"), [FAR.address]);
    await docker("rm -f inside inside2");
  });

  test("--dns, --dns-search, --dns-option", async () => {
    const run = (flags: string, ...command: string[]) =>
      docker(`run --rm --network four ${flags} busybox`, ...command);
    // The first of these does not answer.
    const two = `--dns ${HOST.address} --dns ${OUTSIDE.address}`;
    assert.match(await run(two, "nslookup", "example.org"), new RegExp(`Address: ${FAR.address}`));
    assert.match(
      await docker(`run --rm --network both --dns ${OUTSIDE.address6} busybox nslookup example.org`),
      new RegExp(`Address: ${FAR.address}`),
    );
    const file = await run(
      "--dns-search example.org --dns-search test --dns-option ndots:3",
      "cat",
      "/etc/resolv.conf",
    );
    assert.match(file, /^search example\.org test$/m);
    assert.match(file, /^options .*ndots:3/m);
    assert.match(await run("--dns-search example.org", "ping", "-c1", "-W2", "v6"), / 0% packet loss/);
    // On the default bridge they are the container's own to ask.
    assert.match(
      await docker("run --rm --dns 192.0.2.1 busybox cat /etc/resolv.conf"),
      /^nameserver 192\.0\.2\.1$/m,
    );
  });

  test("a server of the container's own at port 53 stays its own", async () => {
    const { stdout } = await docker.shell(
      "asker",
      "nc -l -p 53 >/dev/null & for n in 1 2 3 4 5 6 7 8 9; do netstat -ltn | grep -q ':53 ' && break; sleep 0.1; done; " +
        "netstat -ltn | grep -c ':53 '; kill $!",
    );
    assert.match(stdout, /^1$/m);
  });

  test("who shares a namespace asks the same resolver", async () => {
    const told = await docker("run --rm --network container:asker busybox nslookup asker");
    assert.match(told, /Address: 10\.70\.0\.\d+/);
  });

  test("another resolver of the host's is followed without a restart", async () => {
    const file = "/etc/resolv.conf";
    const { stdout: before } = await suite.host.run("cat", [file]);
    await suite.host.run("sh", ["-c", `echo nameserver ${OUTSIDE.address6} >${file}`]);
    for (let tries = 0; tries < 50; tries += 1) {
      if ((await lookUp("asker6", "example.org"))[0] === FAR.address) break;
    }
    assert.deepEqual(await lookUp("asker6", "example.org"), [FAR.address]);
    await suite.host.run("sh", ["-c", `cat >${file}`], { input: before });
  });
});
