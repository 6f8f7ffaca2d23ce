/** Checks that read the kernel's counters and files, and what others have written there. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import type { ListeningSocket, Namespace, ObservedConnection } from "../../src/observe/types.ts";
import { type Changes, container, said } from "../support/doctor-lab.ts";
import { listening, PUBLISHED } from "./doctor-cases.ts";
import { find, only } from "./doctor-host.ts";

/** Files by their path; others are not there. */
const files = (texts: Readonly<Record<string, string>>) => ({ readText: (path: string) => texts[path] });

describe("queues", () => {
  const server = (waiting: number): ListeningSocket => ({ ...listening(80), queue: { waiting, room: 5 } });
  const netstat = (overflows: number) => ({
    readText: (path: string) =>
      path.endsWith("/net/netstat")
        ? `TcpExt: ListenOverflows ListenDrops\nTcpExt: ${overflows} ${overflows}\n`
        : undefined,
  });

  test("a server that does not accept", async () => {
    assert.deepEqual(said(await find("listen-queue", { web: only({ sockets: [server(6)] }) }, netstat(3))), [
      "broken: container web takes no more connections at 0.0.0.0:80: its queue is full",
    ]);
    assert.deepEqual(await find("listen-queue", { web: only({ sockets: [server(5)] }) }, netstat(3)), []);
  });

  test("one that did not", async () => {
    assert.deepEqual(
      said(await find("listen-queue", { web: only({ sockets: [server(0)] }) }, netstat(512))),
      ["note: container web has dropped 512 connections that nobody accepted in time"],
    );
  });
});

describe("memory of sockets", () => {
  const state = (mem: number, orphan: number) =>
    files({
      "/proc/self/net/sockstat": `sockets: used 9\nTCP: inuse 5 orphan ${orphan} tw 3 alloc 9 mem ${mem}\n`,
      "/proc/sys/net/ipv4/tcp_mem": "100\t200\t300\n",
      "/proc/sys/net/ipv4/tcp_max_orphans": "1000\n",
    });

  test("short of it, without it, and with plenty", async () => {
    assert.deepEqual(said(await find("socket-memory", {}, state(250, 0))), [
      "risk: TCP is short of memory: all connections of this machine and its containers slow down",
    ]);
    assert.deepEqual(said(await find("socket-memory", {}, state(300, 0))), [
      "broken: TCP has no memory left: all connections of this machine and its containers slow down",
    ]);
    assert.deepEqual(await find("socket-memory", {}, state(90, 10)), []);
  });

  test("sockets of nobody", async () => {
    assert.deepEqual(said(await find("socket-memory", {}, state(10, 600))), [
      "risk: 600 sockets of TCP belong to nobody any more: beyond 1000 the kernel resets connections",
    ]);
  });
});

describe("features of the kernel", () => {
  const KERNEL = {
    "/proc/sys/kernel/osrelease": "6.1.0\n",
    "/proc/modules": "",
    "/proc/net/protocols": "protocol  size\nTCP 2000\n",
    "/proc/sys/net/ipv4/ip_forward": "1\n",
    "/proc/sys/net/netfilter/nf_conntrack_count": "7\n",
  };
  const published: Changes = {
    webContainer: { ports: [{ protocol: "sctp", containerPort: 36412, host: { port: 36412 } }] },
  };

  test("SCTP", async () => {
    const without = { ...KERNEL, "/lib/modules/6.1.0/modules.dep": "kernel/net/ipv4/tunnel4.ko.xz:\n" };
    assert.deepEqual(said(await find("kernel-features", published, files(without))), [
      "risk: container web publishes SCTP, and this kernel has none: no program can listen there by it",
    ]);
    const loadable = {
      ...KERNEL,
      "/lib/modules/6.1.0/modules.dep": "kernel/net/sctp/sctp.ko.xz: kernel/lib/crc.ko\n",
    };
    assert.deepEqual(await find("kernel-features", published, files(loadable)), []);
    const there = { ...without, "/proc/net/protocols": "protocol  size\nSCTP 1000\n" };
    assert.deepEqual(await find("kernel-features", published, files(there)), []);
  });

  test("connection tracking", async () => {
    const { "/proc/sys/net/netfilter/nf_conntrack_count": _, ...rest } = KERNEL;
    const without = { ...rest, "/lib/modules/6.1.0/modules.builtin": "kernel/net/ipv4/tunnel4.ko\n" };
    assert.deepEqual(said(await find("kernel-features", {}, files(without))), [
      "broken: containers on bridge have neither a way out nor published ports: this kernel tracks no connections",
    ]);
    assert.deepEqual(await find("kernel-features", {}, files(KERNEL)), []);
  });

  test("IPv6's table nat", async () => {
    const six: Changes = { network: { ipv6: true } };
    const without = { ...KERNEL, "/lib/modules/6.1.0/modules.dep": "kernel/net/ipv6/ip6_tables.ko:\n" };
    assert.deepEqual(said(await find("kernel-features", six, files(without))), [
      "risk: IPv6 of bridge is not translated: this kernel has no table nat for it",
    ]);
    const has = {
      ...KERNEL,
      "/lib/modules/6.1.0/modules.dep": "kernel/net/ipv6/netfilter/ip6table_nat.ko:\n",
    };
    assert.deepEqual(await find("kernel-features", six, files(has)), []);
  });

  test("cgroups in two versions", async () => {
    const mounts =
      "30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:27 - cgroup2 cgroup2 rw\n";
    // With runc installed, as where tests run, that is no trouble.
    const found = await find(
      "runtime-missing",
      { engine: { kind: "podman" } },
      files({ "/proc/self/mountinfo": mounts }),
    );
    assert.ok(said(found).every((one) => !/hybrid/.test(one)));
  });
});

describe("who watches over containers", () => {
  const running: Changes = {
    webContainer: { engine: "podman", pid: 200 },
    engine: {
      kind: "podman",
      containers: [
        container("web", "172.17.0.2", { engine: "podman", pid: 200 }),
        container("db", "172.17.0.3", { engine: "podman", pid: 300 }),
      ],
    },
  };
  const stat = (pid: number, parent: number) => `${pid} (a ) b) S ${parent} ${pid} ${pid} 0 -1`;

  test("nobody", async () => {
    const tools = files({ "/proc/200/stat": stat(200, 1), "/proc/300/stat": stat(300, 250) });
    assert.deepEqual(said(await find("monitor-gone", running, tools)), [
      "risk: nobody watches over container web: conmon is gone",
    ]);
  });

  test("and there is nothing to watch", async () => {
    assert.deepEqual(said(await find("monitor-gone", running, files({ "/proc/300/stat": stat(300, 250) }))), [
      "broken: container web is said to run, and its process is gone",
    ]);
  });

  test("all is well, or the engine counts processes by itself", async () => {
    const well = files({ "/proc/200/stat": stat(200, 190), "/proc/300/stat": stat(300, 250) });
    assert.deepEqual(await find("monitor-gone", running, well), []);
    assert.deepEqual(await find("monitor-gone", running, files({})), []);
  });
});

describe("network managers", () => {
  test("systemd-networkd has a file for a container's pair", async () => {
    const tools = files({
      "/run/systemd/netif/links/2": "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/all.network\n",
      "/run/systemd/netif/links/3": "ADMIN_STATE=unmanaged\n",
      "/run/systemd/netif/links/4":
        "ADMIN_STATE=configuring\nNETWORK_FILE=/etc/systemd/network/all.network\n",
    });
    const [found] = await find("managed-links", {}, tools);
    assert.equal(
      `${found?.severity}: ${found?.title}`,
      "risk: systemd-networkd manages vethweb, which is an engine's",
    );
    assert.deepEqual(found?.evidence, [
      "networkctl status vethweb: configuring, by /etc/systemd/network/all.network",
    ]);
  });

  test("NetworkManager has set one up", async () => {
    const managed = "[device]\nmanaged=true\nconnection-uuid=1111\n";
    const tools = files({
      "/run/NetworkManager/devices/5": managed,
      "/run/NetworkManager/devices/3": managed,
    });
    assert.deepEqual(said(await find("managed-links", {}, tools)), [
      "risk: NetworkManager manages vethdb, which is an engine's",
    ]);
    assert.deepEqual(
      await find(
        "managed-links",
        {},
        files({ "/run/NetworkManager/devices/5": "[device]\nmanaged=false\n" }),
      ),
      [],
    );
  });
});

test("a connection of TCP to one who is gone is a note", async () => {
  const tuple = (source: string, destination: string, sourcePort: number, destinationPort: number) => ({
    source: parseAddress(source),
    destination: parseAddress(destination),
    sourcePort,
    destinationPort,
  });
  const to = (address: string): ObservedConnection => ({
    family: 4,
    protocol: 6,
    original: tuple("198.51.100.1", "203.0.113.2", 4000, 8080),
    reply: tuple(address, "198.51.100.1", 80, 4000),
    status: 8 | 32,
    mark: 0,
    zone: 0,
    timeout: 4000,
  });
  const host = (address: string) => (of: Namespace) => ({ ...of, connections: [to(address)] });
  assert.deepEqual(
    said(await find("stale-conntrack", { webContainer: PUBLISHED, host: host("172.17.0.9") })),
    ["note: a connection to port 8080/tcp of web is still led to a container that is gone"],
  );
  assert.deepEqual(await find("stale-conntrack", { webContainer: PUBLISHED, host: host("172.17.0.2") }), []);
});
