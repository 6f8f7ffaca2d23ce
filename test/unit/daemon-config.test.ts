import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError, readConfig } from "../../src/daemon/config.ts";
import { DAEMON_OPTIONS } from "../../src/daemon/options.ts";
import { formatAddress, formatPrefix } from "../../src/lib/ip.ts";

const PATH = "/etc/drawbridge/daemon.json";

/** `--bip=10.0.0.1/24 --icc=false` and a file's object. */
function read(flags = "", file?: object) {
  const map = new Map<string, string[]>();
  for (const word of flags.split(" ").filter(Boolean)) {
    const [, name = "", value = "true"] = /^--([^=]+)(?:=(.*))?$/.exec(word) ?? [];
    map.set(name, [...(map.get(name) ?? []), value]);
  }
  return readConfig(map, file && { path: PATH, text: JSON.stringify(file) });
}

function problems(flags: string, file?: object): readonly string[] {
  try {
    read(flags, file);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
  return [];
}

test("nothing said: the defaults", () => {
  const { engine, listeners, pidFile, logLevel, warnings } = read();
  assert.deepEqual(listeners, [{ kind: "unix", path: "/run/drawbridge.sock" }]);
  assert.deepEqual(
    [engine.dataRoot, engine.execRoot, pidFile],
    ["/var/lib/drawbridge", "/run/drawbridge", "/run/drawbridge/drawbridge.pid"],
  );
  assert.deepEqual(engine.bridge, {
    name: "docker0",
    mtu: 1500,
    icc: true,
    ipv6: false,
    hostBindingIp: { family: 4, bits: 0n },
  });
  assert.deepEqual(
    [engine.liveRestore, engine.ipForward, engine.ipMasq, engine.ipForwardNoDrop, engine.shutdownTimeout],
    [true, true, true, false, 15],
  );
  assert.deepEqual([engine.firewallAdmit, engine.defaultNetworkOptions], [true, undefined]);
  assert.deepEqual([logLevel, warnings], ["info", []]);
});

test("a flag and a key say the same", () => {
  const pairs = [
    [
      "--bridge=db0 --bip=172.30.0.1/16 --fixed-cidr=172.30.1.0/24 --default-gateway=172.30.0.9 --mtu=1400 --icc=false --ip=127.0.0.1",
      {
        bridge: "db0",
        bip: "172.30.0.1/16",
        "fixed-cidr": "172.30.1.0/24",
        "default-gateway": "172.30.0.9",
        mtu: 1400,
        icc: false,
        ip: "127.0.0.1",
      },
    ],
    [
      "--ipv6 --bip6=2001:db8::1/64 --fixed-cidr-v6=2001:db8::/80 --default-gateway-v6=2001:db8::9 --firewall-admit=false",
      {
        ipv6: true,
        bip6: "2001:db8::1/64",
        "fixed-cidr-v6": "2001:db8::/80",
        "default-gateway-v6": "2001:db8::9",
        "firewall-admit": false,
      },
    ],
    [
      "--default-network-opt=bridge=com.docker.network.driver.mtu=1400 --default-network-opt=bridge=a=b=c --default-network-opt=macvlan=parent=eth0",
      {
        "default-network-opts": {
          bridge: { "com.docker.network.driver.mtu": "1400", a: "b=c" },
          macvlan: { parent: "eth0" },
        },
      },
    ],
    [
      "--default-address-pool=base=fd00:1::/48,size=64",
      { "default-address-pools": [{ base: "fd00:1::/48", size: 64 }] },
    ],
    [
      "--dns=1.1.1.1 --dns=::1 --dns-search=x.y --dns-opt=ndots:1",
      { dns: ["1.1.1.1", "::1"], "dns-search": ["x.y"], "dns-opts": ["ndots:1"] },
    ],
    [
      "--default-address-pool=base=10.10.0.0/16,size=24",
      { "default-address-pools": [{ base: "10.10.0.0/16", size: 24 }] },
    ],
    [
      "--live-restore=false --shutdown-timeout=-1 --label=a=b --debug",
      { "live-restore": false, "shutdown-timeout": -1, labels: ["a=b"], debug: true },
    ],
    [
      "--exec-opt=native.cgroupdriver=systemd --cgroup-parent=x.slice",
      { "exec-opts": ["native.cgroupdriver=systemd"], "cgroup-parent": "x.slice" },
    ],
    [
      "--host=unix:///a --host=tcp://127.0.0.1 --group=wheel",
      { hosts: ["unix:///a", "tcp://127.0.0.1"], group: "wheel" },
    ],
    [
      "--registry-mirror=https://m --insecure-registry=h:5000 --host-gateway-ip=10.0.0.1 --host-gateway-ip=fd00::1",
      {
        "registry-mirrors": ["https://m"],
        "insecure-registries": ["h:5000"],
        "host-gateway-ips": ["10.0.0.1", "fd00::1"],
      },
    ],
  ] as const;
  for (const [flags, file] of pairs) assert.deepEqual(read(flags), read("", file), flags);
  const { bridge } = read(pairs[0][0]).engine;
  assert.equal(bridge.bip && formatPrefix(bridge.bip), "172.30.0.1/16");
  assert.equal(formatAddress(bridge.hostBindingIp), "127.0.0.1");
});

test("everything wrong is told at once, with flag or key and value", () => {
  assert.deepEqual(
    problems("--bip=x --mtu=12 --icc=maybe --storage-drvier=y", { dnss: [], mtu: "1400", labels: "a=b" }),
    [
      '--icc: true or false is wanted, not "maybe"',
      "unknown flag: --storage-drvier (did you mean --storage-driver?)",
      `${PATH}: dnss doesn't match any configuration option (did you mean dns?)`,
      `mtu in ${PATH}: a whole number is wanted, not "1400"`,
      `labels in ${PATH}: a list is wanted, not "a=b"`,
      "--bip: invalid CIDR address: x",
      "--mtu: a number between 68 and 65535 is wanted, not 12",
    ],
  );
});

test("one problem each", () => {
  const table: readonly (readonly [string, object | undefined, RegExp])[] = [
    [
      "--label=a=b",
      { labels: ["c=d"] },
      /labels is specified both as a flag and in the configuration file: from flag: \["a=b"\], from .*daemon\.json: \["c=d"\]/,
    ],
    ["", { label: ["a=b"] }, /label doesn't match any configuration option \(did you mean labels\?\)/],
    ["--bip=172.30.0.0/16", undefined, /172\.30\.0\.0\/16 is the subnet itself/],
    ["--bip=172.30.255.255/16", undefined, /is the subnet itself/],
    ["--bip=172.30.0.1/31", undefined, /leaves no room/],
    ["--bip=fd00::1/64", undefined, /is not an IPv4 subnet/],
    [
      "--bip=172.30.0.1/16 --fixed-cidr=172.31.0.0/24",
      undefined,
      /--fixed-cidr: 172\.31\.0\.0\/24 is not within the bridge's 172\.30\.0\.0\/16/,
    ],
    ["--bip=172.30.0.1/16 --default-gateway=1.2.3.4", undefined, /--default-gateway: not within/],
    ["--bridge=none --bip=172.30.0.1/16", undefined, /--bip: there is no default bridge/],
    ["--bridge=a/b", undefined, /a\/b can't be a link's name/],
    ["--bridge=sixteen-letters-", undefined, /at most 15 bytes/],
    [
      "--default-address-pool=base=10.0.0.0/16,size=8",
      undefined,
      /size 8 is not between the base's 16 and 30/,
    ],
    ["--default-address-pool=foo=1", undefined, /unexpected field foo/],
    ["--dns=host.example", undefined, /--dns: invalid IP address: host\.example/],
    ["--dns-search=a..b", undefined, /a\.\.b is not a valid domain/],
    ["--label=a", undefined, /--label: a: key=value is wanted/],
    ["--label=a=1 --label=a=2", undefined, /conflict labels for a=2 and a=1/],
    ["--log-level=loud", undefined, /one of debug, info, warn, error, fatal is wanted, not loud/],
    ["--exec-opt=native.cgroupdriver=x", undefined, /native\.cgroupdriver is cgroupfs or systemd/],
    ["--exec-opt=isolation=x", undefined, /unknown option isolation/],
    ["--exec-opt=native.cgroupdriver=systemd --cgroup-parent=/x", undefined, /a slice's name is wanted/],
    ["--host=tcp://0.0.0.0:2375", undefined, /anyone who reaches this address would be root on this host/],
    ["--host=tcp://0.0.0.0:2376 --tls", undefined, /pass --tlsverify/],
    ["--host=fd://", undefined, /handed over by systemd/],
    ["--host=ssh://x", undefined, /ssh:\/\/ is not built in/],
    ["--host=unix://a/b", undefined, /must be absolute/],
    ["--host=tcp://127.0.0.1:70000", undefined, /70000 is not a port/],
    ["--host=tcp://example.org:2375", undefined, /neither an address of this host nor localhost/],
    ["--host=unix:///a --host=unix:///a", undefined, /unix:\/\/\/a is given twice/],
    ["--tlscert=/x", undefined, /--tlscert: TLS is off/],
    ["--registry-mirror=ftp://x", undefined, /http:\/\/… or https:\/\/… is wanted/],
    ["--shutdown-timeout=-2", undefined, /a number between -1 and/],
    ["--fixed-cidr-v6=fe80::/64", undefined, /it overlaps with fe80::\/10/],
    ["--fixed-cidr-v6=2001:db8::/127", undefined, /at most \/126/],
    ["--fixed-cidr-v6=10.0.0.0/8", undefined, /is not an IPv6 subnet/],
    ["--bip6=2001:db8::/64", undefined, /is the subnet itself/],
    ["--bip6=10.0.0.1/24", undefined, /is not an IPv6 subnet/],
    ["--default-gateway-v6=10.0.0.1", undefined, /is not an IPv6 address/],
    [
      "--bip6=2001:db8::1/64 --fixed-cidr-v6=2001:db8:1::/80",
      undefined,
      /--fixed-cidr-v6: 2001:db8:1::\/80 is not within the bridge's 2001:db8::\/64/,
    ],
    [
      "--fixed-cidr-v6=2001:db8::/64 --default-gateway-v6=2001:db8:1::1",
      undefined,
      /--default-gateway-v6: not within the bridge's 2001:db8::\/64/,
    ],
    ["--bridge=none --bip6=2001:db8::1/64", undefined, /--bip6: there is no default bridge/],
    ["--default-network-opt=bridge", undefined, /DRIVER=KEY=VALUE.* is wanted, not "bridge"/],
    ["", { "default-network-opts": { bridge: { a: 1 } } }, /an object of objects of strings/],
    ["", { "userns-remap": "default" }, /root in a container would be root on the host/],
    ["", { "authorization-plugins": ["x"] }, /no request would be authorized/],
    ["", { "selinux-enabled": true }, /unconfined/],
    [
      "--default-ipc-mode=host",
      undefined,
      /--default-ipc-mode: one of private, shareable is wanted, not host/,
    ],
    [
      "",
      { "default-cgroupns-mode": "x" },
      /default-cgroupns-mode in .*: one of private, host is wanted, not x/,
    ],
    ["--default-ulimit=files=1", undefined, /--default-ulimit: .*invalid ulimit type: files/],
    ["--default-ulimit=nofile=x", undefined, /--default-ulimit: .*numbers of Soft and Hard are wanted/],
    ["--default-ulimit=nofile=3:2", undefined, /soft limit must be less than or equal to hard limit: 3 > 2/],
    ["", { "default-ulimits": { nofile: 5 } }, /numbers of Soft and Hard are wanted/],
    ["", { "default-runtime": "runsc" }, /another runtime's isolation would be missing/],
  ];
  for (const [flags, file, expected] of table) {
    const found = problems(flags, file);
    assert.equal(found.length, 1, `${flags} ${JSON.stringify(file)}: ${found}`);
    assert.match(found[0] ?? "", expected);
  }
});

test("a file that is no object, or no JSON, is refused; an empty one says nothing", () => {
  const of = (text: string) => readConfig(new Map(), { path: PATH, text });
  assert.throws(() => of("[]"), /an object is wanted/);
  assert.throws(() => of("{,}"), /daemon\.json: not JSON/);
  assert.deepEqual(of(" \n"), read());
  assert.deepEqual(of("\uFEFF{}"), read());
});

test("a real daemon.json works: what means nothing here is told in one warning", () => {
  // The full example of Docker's documentation, without what is refused on purpose.
  const { warnings, engine } = read("", {
    "allow-nondistributable-artifacts": [],
    "authorization-plugins": [],
    bip: "",
    bridge: "",
    builder: { gc: { enabled: true } },
    "cgroup-parent": "",
    containerd: "/run/containerd/containerd.sock",
    "containerd-namespace": "docker",
    "data-root": "",
    debug: true,
    "default-address-pools": [{ base: "172.30.0.0/16", size: 24 }],
    "default-cgroupns-mode": "private",
    "default-gateway": "",
    "default-ipc-mode": "private",
    "default-runtime": "runc",
    "default-shm-size": "64M",
    "default-ulimits": { nofile: { Hard: 64000, Name: "nofile", Soft: 64000 } },
    dns: [],
    "dns-opts": [],
    "dns-search": [],
    "exec-opts": [],
    "exec-root": "",
    experimental: false,
    features: { cdi: true },
    "fixed-cidr": "",
    "fixed-cidr-v6": "",
    group: "",
    "host-gateway-ip": "",
    hosts: [],
    "http-proxy": "",
    icc: false,
    init: false,
    "insecure-registries": [],
    ip: "0.0.0.0",
    "ip-forward": false,
    "ip-masq": false,
    iptables: false,
    ip6tables: false,
    ipv6: false,
    labels: [],
    "live-restore": true,
    "log-driver": "json-file",
    "log-format": "text",
    "log-level": "",
    "log-opts": { "max-size": "10m" },
    "max-concurrent-downloads": 3,
    mtu: 0,
    "no-new-privileges": false,
    "node-generic-resources": [],
    pidfile: "",
    "raw-logs": false,
    "registry-mirrors": [],
    runtimes: { "cc-runtime": { path: "/usr/bin/cc-runtime" } },
    "seccomp-profile": "",
    "selinux-enabled": false,
    "shutdown-timeout": 15,
    "storage-driver": "",
    "storage-opts": [],
    tls: false,
    tlscacert: "",
    tlscert: "",
    tlskey: "",
    tlsverify: false,
    "userland-proxy": false,
    "userns-remap": "",
  });
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0] ?? "",
    /without effect here, though dockerd knows them: .*\biptables\b.*\bstorage-driver\b/,
  );
  assert.equal(engine.bridge.mtu, 1500);
  assert.equal(engine.bridge.icc, false);
});

test("TLS files have a place, and tcp with verified clients may be anywhere", () => {
  const { listeners } = read("--host=tcp://0.0.0.0 --tlsverify --tlscert=/c.pem");
  assert.deepEqual(listeners, [
    {
      kind: "tcp",
      host: "0.0.0.0",
      port: 2376,
      tls: { ca: "/etc/drawbridge/ca.pem", cert: "/c.pem", key: "/etc/drawbridge/key.pem" },
    },
  ]);
});

test("whatever a file says, it is read or refused whole", () => {
  const keys = DAEMON_OPTIONS.flatMap(({ key }) => key ?? []);
  const file = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 4 });
  fc.assert(
    fc.property(file, (object) => {
      try {
        read("", object);
      } catch (thrown) {
        assert.ok(thrown instanceof ConfigError && thrown.problems.length > 0, String(thrown));
      }
    }),
    { numRuns: 500 },
  );
});

test("the size of /dev/shm, as Docker writes sizes", () => {
  const sizes = { "64M": 67108864, "1.5GiB": 1610612736, "100": 100, "2kb": 2048, "7 b": 7 };
  for (const [text, bytes] of Object.entries(sizes)) {
    assert.equal(read("", { "default-shm-size": text }).engine.defaultShmSize, bytes, text);
  }
  assert.equal(read().engine.defaultShmSize, undefined);
  for (const text of ["much", "-1", "1x", "1.m"]) {
    assert.match(problems("", { "default-shm-size": text }).join("\n"), /invalid size/, text);
  }
});

test("what containers have that ask for nothing else", () => {
  const flags = "--default-ulimit=nofile=64:128 --default-ulimit=core=-1 --init --default-ipc-mode=shareable";
  assert.deepEqual(
    read(`${flags} --default-cgroupns-mode=host --no-new-privileges`).engine.containerDefaults,
    {
      ulimits: [
        { Name: "nofile", Soft: 64, Hard: 128 },
        { Name: "core", Soft: -1, Hard: -1 },
      ],
      init: true,
      ipcMode: "shareable",
      cgroupnsMode: "host",
      noNewPrivileges: true,
    },
  );
  const ulimits = { nofile: { Name: "nofile", Soft: 1, Hard: 2 }, nproc: { Soft: 3, Hard: -1 } };
  assert.deepEqual(
    read("", { "default-ulimits": ulimits, "seccomp-profile": "/x.json" }).engine.containerDefaults,
    {
      ulimits: [ulimits.nofile, { Name: "nproc", Soft: 3, Hard: -1 }],
      seccompProfile: "/x.json",
    },
  );
  assert.equal(
    read("", { init: false, "no-new-privileges": false, "default-ulimits": {} }).engine.containerDefaults,
    undefined,
  );
});

test("an oom score of the engine's own is accepted, and told to mean nothing", () => {
  assert.match(read("--oom-score-adjust=-500").warnings.join(), /without effect here.*oom-score-adjust/);
});

test("no two options share a name", () => {
  for (const names of [
    DAEMON_OPTIONS.map(({ flag }) => flag),
    DAEMON_OPTIONS.map(({ key }) => key),
    DAEMON_OPTIONS.map(({ short }) => short),
  ]) {
    const given = names.filter((name) => name !== undefined);
    assert.equal(new Set(given).size, given.length);
  }
});
