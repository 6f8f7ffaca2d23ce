import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isolated } from "../support/isolated.ts";
import { readPcapng } from "../support/pcapng.ts";

isolated(import.meta);

const BINARY = join(import.meta.dirname, "../../bin/drawbridge");

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });
sh(`
set -e
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip netns add box
nsenter --net=/run/netns/box sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip link add wire type veth peer name eth0 address 02:42:0a:09:00:02 netns box
ip addr add 10.9.0.1/24 dev wire
ip link set wire up
ip -n box addr add 10.9.0.2/24 dev eth0
ip -n box link set eth0 up
for try in 1 2 3 4 5; do ping -qc1 -W1 10.9.0.2 && break; done
`);
const ping = (count: number) => sh(`ping -qc${count} -i0.01 -W5 10.9.0.2`);

/** A capture that listens already. */
async function listening(...args: readonly string[]) {
  const child: ChildProcess = spawn(BINARY, ["capture", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const told = { out: "", err: "" };
  child.stdout?.on("data", (data) => {
    told.out += data;
  });
  const heard = new Promise<void>((resolve) => {
    child.stderr?.on("data", (data) => {
      told.err += data;
      if (told.err.includes("\n")) resolve();
    });
  });
  const ended = once(child, "close");
  await Promise.race([heard, ended]);
  return { child, told, ended: ended.then(([status]) => status as number | null) };
}

test("packets are shown as they come, by name, until there are enough", async () => {
  const { told, ended } = await listening("box", "-c", "2", "icmp");
  ping(3);
  assert.equal(await ended, 0);
  assert.match(
    told.out,
    /^[\d:.]{15} box:eth0 in {2}IP host > box: ICMP echo request, id \d+, seq 1, length 64\n/,
  );
  assert.match(
    told.out,
    /\n[\d:.]{15} box:eth0 out IP box > host: ICMP echo reply, id \d+, seq 1, length 64\n$/,
  );
  assert.equal(
    told.err,
    "listening to box:eth0; ctrl-c ends it\n2 packets, none lost: the count is reached\n",
  );
});

test("over a whole path each link tells its part", async () => {
  const { told, ended } = await listening("--path", "-n", "-c", "4", "host", "box", "icmp");
  ping(1);
  assert.equal(await ended, 0);
  assert.deepEqual(
    told.out.split("\n").map((line) => line.slice(16, 31)),
    ["host:wire out I", "box:eth0  in  I", "box:eth0  out I", "host:wire in  I", ""],
  );
});

test("ctrl-c ends a file in order", async () => {
  const { child, told, ended } = await listening("-w", "/run/box.pcapng", "box:eth0", "icmp");
  ping(3);
  child.kill("SIGINT");
  assert.equal(await ended, 0);
  assert.match(told.err, /\n6 packets, none lost, .*kB in \/run\/box\.pcapng: as asked\n$/);
  assert.equal(statSync("/run/box.pcapng").mode & 0o777, 0o600);
  const { packets, statistics, names } = readPcapng(readFileSync("/run/box.pcapng"));
  assert.deepEqual([packets.length, statistics[0]?.received, names.get("0a090002")], [6, 6n, "box"]);
});

test("a reader that leaves is an end as any other", async () => {
  const { child, told, ended } = await listening("-w", "-", "wire");
  ping(1);
  while (told.out === "") await once(child.stdout ?? child, "data");
  child.stdout?.destroy();
  ping(1);
  assert.equal(await ended, 0);
  assert.match(told.err, /: the reader is gone\n$/);
});

test("a link that goes away ends it, and is told", async () => {
  sh("ip link add gone0 type veth peer name gone1; ip link set gone0 up");
  const { told, ended } = await listening("gone0");
  sh("ip link del gone0");
  assert.equal(await ended, 0);
  assert.match(told.err, /\nhost:gone0 is gone\n0 packets, none lost: no link is left\n$/);
});

test("a terminal is not written to, and an unknown name is answered with a near one", () => {
  const failing = (command: string) => {
    const text = sh(`${command} 2>&1; echo "status $?"`);
    return text.replaceAll("\r", "");
  };
  assert.match(
    failing(`script -qec '${BINARY} capture wire -w -' /dev/null </dev/null`),
    /^a terminal can't show what -w - writes[^\n]*\nstatus 1\n$/,
  );
  assert.match(failing(`${BINARY} capture bax`), /is named "bax" \(did you mean box\?\)[^\n]*\nstatus 1\n$/);
});

test("without libpcap a filter is refused with the package's name, and without a filter it goes on", async () => {
  const library = /=> (.*libpcap\.so\.0\.8)/.exec(sh("ldconfig -p"))?.[1] ?? "";
  sh(`mount --bind /dev/null "$(realpath ${library})"`);
  try {
    const refused = await listening("wire", "icmp");
    assert.deepEqual([await refused.ended, refused.told.out], [1, ""]);
    assert.match(refused.told.err, /compiled by libpcap, .*apt-get install libpcap0\.8/);
    const plain = await listening("wire", "-c", "1");
    ping(1);
    assert.equal(await plain.ended, 0);
  } finally {
    sh(`umount "$(realpath ${library})"`);
  }
});

test("without the right to capture, the rights that are wanted are named", () => {
  const command = `setpriv --bounding-set=-all --inh-caps=-all ${BINARY} capture host`;
  assert.match(sh(`${command} 2>&1; echo "status $?"`), /CAP_NET_RAW and CAP_SYS_ADMIN[^\n]*\nstatus 1\n$/);
});
