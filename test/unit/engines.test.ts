/** What engines say of their containers, and what is read of those that say nothing. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { formatAddress, formatPrefix } from "../../src/lib/ip.ts";
import { containersOf } from "../../src/observe/engines/containers.ts";
import { networksOf, podmanNetworksOf } from "../../src/observe/engines/networks.ts";
import { firstProcesses, monitorsOf, type ProcessFacts } from "../../src/observe/engines/processes.ts";
import { readEngines } from "../../src/observe/engines/read.ts";
import { silentEngines } from "../../src/observe/engines/silent.ts";
import { engineSockets, socketPathOf } from "../../src/observe/engines/sockets.ts";
import type { EnginePort } from "../../src/observe/engines/types.ts";

const ID = "ab".repeat(32);
const OTHER = "cd".repeat(32);
const SHIM = "12".repeat(32);

const LISTED = [
  {
    Id: ID,
    Names: ["/other/alias", "/web"],
    Image: "busybox",
    State: "running",
    HostConfig: { NetworkMode: "net-a" },
    Ports: [
      { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
      { IP: "::", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
      { IP: "127.0.0.1", PrivatePort: 53, PublicPort: 53, Type: "udp" },
      { PrivatePort: 443, Type: "tcp" },
      { PrivatePort: 1, Type: "carrier-pigeon" },
    ],
    NetworkSettings: {
      Networks: {
        "net-a": {
          NetworkID: "of net-a",
          IPAddress: "172.18.0.2",
          IPPrefixLen: 16,
          GlobalIPv6Address: "fd00::2",
          GlobalIPv6PrefixLen: 64,
          Gateway: "172.18.0.1",
          IPv6Gateway: "",
          MacAddress: "02:42:ac:12:00:02",
          Aliases: null,
          DNSNames: ["web"],
        },
      },
    },
  },
];

const portText = ({ host, containerPort, protocol }: EnginePort): string =>
  `${host ? `${host.address ? formatAddress(host.address) : "*"}:${host.port} ` : ""}${containerPort}/${protocol}`;

describe("a list of containers", () => {
  test("tells names, endpoints and ports", () => {
    const [container, ...more] = containersOf("docker", LISTED, new Map([[ID, 42]]));
    assert.ok(container);
    assert.equal(more.length, 0);
    const { name, pid, networkMode, endpoints, ports } = container;
    assert.deepEqual([name, pid, networkMode], ["web", 42, "net-a"]);
    assert.deepEqual(ports.map(portText), ["*:8080 80/tcp", "127.0.0.1:53 53/udp", "443/tcp"]);
    const [endpoint] = endpoints;
    assert.deepEqual(endpoint?.addresses.map(formatPrefix), ["172.18.0.2/16", "fd00::2/64"]);
    assert.deepEqual(endpoint?.gateways.map(formatAddress), ["172.18.0.1"]);
    assert.deepEqual(
      [endpoint?.networkId, endpoint?.mac, endpoint?.aliases],
      ["of net-a", "02:42:ac:12:00:02", ["web"]],
    );
  });

  test("of another form reads as empty", () => {
    for (const answer of [null, {}, "x", [1, null, "y"]])
      assert.deepEqual(containersOf("docker", answer, new Map()), []);
    const [bare] = containersOf(
      "docker",
      [{ Id: ID, Ports: "x", Names: [3], NetworkSettings: [] }],
      new Map(),
    );
    assert.deepEqual([bare?.name, bare?.ports, bare?.endpoints, bare?.pid], [ID.slice(0, 12), [], [], 0]);
  });
});

describe("a list of networks", () => {
  test("has the bridge's name, of Docker's by its option or its id", () => {
    const [own, given, plain] = networksOf([
      {
        Id: ID,
        Name: "a",
        Driver: "bridge",
        IPAM: { Config: [{ Subnet: "10.0.0.0/24", Gateway: "10.0.0.1" }, { Subnet: "nonsense" }] },
      },
      {
        Id: OTHER,
        Name: "b",
        Driver: "bridge",
        Internal: true,
        Options: {
          "com.docker.network.bridge.name": "docker0",
          "com.docker.network.bridge.enable_icc": "false",
          "com.docker.network.driver.mtu": "1400",
        },
      },
      { Id: "x", Name: "host", Driver: "host" },
    ]);
    assert.deepEqual(
      [own?.bridge, own?.icc, own?.internal, own?.mtu],
      [`br-${ID.slice(0, 12)}`, true, false, undefined],
    );
    assert.deepEqual(
      own?.subnets.map(({ subnet }) => formatPrefix(subnet)),
      ["10.0.0.0/24"],
    );
    assert.deepEqual(
      [given?.bridge, given?.icc, given?.internal, given?.mtu],
      ["docker0", false, true, 1400],
    );
    assert.equal(plain?.bridge, undefined);
  });

  test("of Podman's own", () => {
    const [network] = podmanNetworksOf([
      {
        name: "n",
        id: ID,
        driver: "bridge",
        network_interface: "podman1",
        subnets: [{ subnet: "10.89.0.0/24", gateway: "10.89.0.1" }],
        internal: true,
        options: { mtu: "9000" },
      },
    ]);
    assert.deepEqual(
      [network?.bridge, network?.internal, network?.mtu, network?.subnets.length],
      ["podman1", true, 9000, 1],
    );
  });
});

const process = (
  pid: number,
  parent: number,
  started: number,
  ...command: readonly string[]
): ProcessFacts => ({
  pid,
  parent,
  started: BigInt(started),
  ...(command.length > 0 && { command, trusted: true }),
});

describe("monitors", () => {
  const processes = [
    process(10, 1, 5, "/usr/bin/conmon", "--api-version", "--cid", ID, "--bundle", "/b"),
    process(12, 10, 9),
    process(11, 10, 6), // the oldest is the first, whatever its number
    process(20, 1, 5, "conmon", "-c", OTHER, "-u", OTHER, "-n", "db"),
    process(21, 20, 6),
    process(30, 1, 7, "/usr/bin/conmon", "--cid", ID, "--exec", "--exec-attach"),
    process(31, 30, 8),
    process(40, 1, 5, "/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", "ef".repeat(32)),
    process(50, 1, 5, "conmon", "--version"),
    process(60, 1, 5, "vim", "-c", ID),
  ];

  test("are known by their command lines, and their first child is the container's", () => {
    const monitors = monitorsOf(processes);
    assert.deepEqual(
      monitors.map(({ container, first, name }) => [container.slice(0, 2), first, name]),
      [
        ["ab", 11, undefined],
        ["cd", 21, "db"],
        ["ef", undefined, undefined],
      ],
    );
    assert.deepEqual(
      [...firstProcesses(monitors)],
      [
        [ID, 11],
        [OTHER, 21],
      ],
    );
  });

  test("tell of containers whose engine does not", () => {
    const directory = mkdtempSync(join(tmpdir(), "drawbridge-engines-"));
    try {
      const shim = { program: "containerd-shim", container: SHIM, first: 41, trusted: true } as const;
      mkdirSync(join(directory, SHIM));
      writeFileSync(
        join(directory, SHIM, "config.v2.json"),
        JSON.stringify({
          Name: "/web",
          Config: { Image: "busybox" },
          NetworkSettings: {
            SandboxKey: "/var/run/docker/netns/abc",
            Networks: { bridge: { NetworkID: "n", IPAddress: "172.17.0.2", IPPrefixLen: 16 } },
            Ports: { "80/tcp": [{ HostIp: "", HostPort: "8080" }], "81/tcp": null },
          },
        }),
      );
      writeFileSync(join(directory, SHIM, "hostconfig.json"), "{ half of");
      writeFileSync(join(directory, "n.json"), JSON.stringify({ name: "n", network_interface: "podman1" }));
      const places = { docker: directory, podmanNetworks: directory };
      const engines = silentEngines([shim, ...monitorsOf(processes)], new Set(), places);
      const told = engines.map(({ kind, containers, networks }) => [
        kind,
        containers.map(({ name }) => name),
        networks.map(({ name }) => name),
      ]);
      assert.deepEqual(told, [
        ["docker", ["web"], []],
        ["drawbridge", [ID.slice(0, 12)], []],
        ["podman", ["db"], ["podman", "n"]],
      ]);
      const [web] = engines[0]?.containers ?? [];
      assert.deepEqual(
        [web?.sandboxKey, web?.pid, web?.ports.map(portText)],
        ["/var/run/docker/netns/abc", 41, ["*:8080 80/tcp", "81/tcp"]],
      );
      assert.deepEqual(silentEngines([shim], new Set([SHIM]), places), []);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("sockets", () => {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-engines-"));
  const servers: Server[] = [];

  /** Answers by path; others are refused, and `never` is not answered. */
  async function serve(
    name: string,
    server: string,
    answers: Readonly<Record<string, unknown>>,
  ): Promise<string> {
    const path = join(directory, name);
    const one = createServer((request, response) => {
      const answer = answers[request.url ?? ""];
      if (answer === "never") return;
      response.setHeader("Server", server).writeHead(answer === undefined ? 404 : 200);
      response.end(typeof answer === "string" ? answer : JSON.stringify(answer ?? {}));
    });
    await new Promise<void>((resolve) => one.listen(path, resolve));
    servers.push(one);
    return path;
  }

  before(() => mkdirSync(directory, { recursive: true }));
  after(() => {
    for (const one of servers) {
      one.closeAllConnections();
      one.close();
    }
    rmSync(directory, { recursive: true });
  });

  test("that answer without end, or nonsense, are told of", async () => {
    const endless = createServer((_, response) => {
      response.writeHead(200);
      const piece = Buffer.alloc(1 << 20, 0x20);
      const on = () => {
        while (!response.destroyed && response.write(piece));
      };
      response.on("drain", on);
      on();
    });
    const path = join(directory, "endless");
    await new Promise<void>((resolve) => endless.listen(path, resolve));
    servers.push(endless);
    const odd = await serve("odd", "Docker/1", {
      "/_ping": "OK",
      "/containers/json?all=true": [
        {
          Id: ID,
          Names: ["/web"],
          NetworkSettings: { Networks: { a: { IPAddress: "10.0.0.2", IPPrefixLen: -3 } } },
        },
      ],
      "/networks": [{ Name: "a", IPAM: { Config: [{ Subnet: "10.0.0.0/99" }, { Subnet: "999.0.0.0/8" }] } }],
    });
    const { engines, unread } = await readEngines([
      { kind: "docker", path },
      { kind: "docker", path: odd },
    ]);
    const [one] = engines.filter(({ socket }) => socket === odd);
    assert.deepEqual(one?.networks[0]?.subnets, []);
    assert.deepEqual(one?.containers[0]?.endpoints[0]?.addresses, []);
    assert.equal(unread.length, 1);
    assert.match(unread[0] ?? "", /answered by more than|was not answered/);
  });

  test("are told apart by their greeting, and those that don't answer are told of", async () => {
    const lists = {
      "/_ping": "OK",
      "/containers/json?all=true": LISTED,
      "/networks": [],
      [`/containers/${ID}/json`]: { State: { Pid: 77 } },
    };
    const sockets = [
      {
        kind: "docker",
        path: await serve("a", "Drawbridge (linux)", { ...lists, "/version": { Version: "9" } }),
      },
      { kind: "docker", path: await serve("b", "Docker/28.0.1 (linux)", lists) },
      {
        kind: "docker",
        path: await serve("c", "Libpod/4.3.1 (linux)", {
          ...lists,
          "/v4.0.0/libpod/networks/json": [{ name: "net-a", id: OTHER }],
        }),
      },
      { kind: "docker", path: await serve("d", "Docker/1", { "/_ping": "never" }) },
      {
        kind: "podman",
        path: await serve("e", "Libpod/4", { ...lists, "/v4.0.0/libpod/networks/json": "<html>" }),
      },
      { kind: "drawbridge", path: join(directory, "absent") },
    ] as const;
    const { engines, unread } = await readEngines(sockets);
    const answered = engines.filter(({ socket }) => socket !== "");
    assert.deepEqual(
      answered.map(({ kind, version, containers }) => [kind, version, containers[0]?.pid]),
      [
        ["drawbridge", "9", 77],
        ["docker", "28.0.1", 77],
        ["podman", "4.3.1", 77],
      ],
    );
    // Podman says a network's name for its id.
    assert.equal(answered[2]?.containers[0]?.endpoints[0]?.networkId, OTHER);
    assert.match(
      unread[0] ?? "",
      /^no names from docker at .*d: GET \/_ping was not answered within \d+ ms$/,
    );
    assert.match(
      unread[1] ?? "",
      /^no names from podman at .*e: GET \/v4\.0\.0\/libpod\/networks\/json is answered by what is no JSON$/,
    );
    assert.match(unread[2] ?? "", /^no names from drawbridge at .*absent: .*ENOENT/);
    assert.equal(unread.length, 3);
  });

  test("are those that the environment names, each once", async () => {
    const path = await serve("real", "x", {});
    symlinkSync(path, join(directory, "link"));
    const named = engineSockets({
      DRAWBRIDGE_HOST: `unix://${path}`,
      DOCKER_HOST: `unix://${join(directory, "link")}`,
    });
    assert.equal(named.filter((socket) => socket.path.startsWith(directory)).length, 1);
    assert.equal(
      engineSockets({ DOCKER_HOST: "tcp://192.0.2.1:2375" }).some((socket) => socket.path.includes("192")),
      false,
    );
    assert.equal(socketPathOf("unix:///run/x.sock"), "/run/x.sock");
    assert.equal(socketPathOf("tcp://192.0.2.1"), undefined);
  });
});
