import assert from "node:assert/strict";
import { test } from "node:test";
import { createBody } from "../../src/cli/create-request.ts";
import { parseLines, readEnvironment } from "../../src/cli/environment.ts";
import run, { startStatus } from "../../src/cli/run.ts";
import type { RunOptions } from "../../src/cli/run-flags.ts";
import { readCommandLine } from "../../src/cli/verb.ts";

/** Without what was left unset. */
function body(line: string): Record<string, unknown> {
  const { words, options } = readCommandLine("run", run, line.split(" "));
  const made = createBody(options as unknown as RunOptions, words, [24, 80]);
  return JSON.parse(JSON.stringify(made)) as Record<string, unknown>;
}

interface Body {
  readonly ExposedPorts: object;
  readonly HostConfig: {
    readonly Links: unknown;
    readonly PortBindings: unknown;
    readonly PublishAllPorts: unknown;
  };
  readonly NetworkingConfig: { readonly EndpointsConfig: object };
}

const hostConfig = (line: string) => body(line).HostConfig as Record<string, unknown>;

test("streams follow -d, -i, -t and -a", () => {
  const pick = (line: string) => {
    const { AttachStdin, AttachStdout, AttachStderr, OpenStdin, StdinOnce, Tty } = body(line);
    return [AttachStdin, AttachStdout, AttachStderr, OpenStdin, StdinOnce, Tty].map(Number).join("");
  };
  assert.equal(pick("b"), "011000");
  assert.equal(pick("-i b"), "111110");
  assert.equal(pick("-itd b"), "000101");
  assert.equal(pick("-a stdout -a STDIN -i b"), "110110");
  assert.throws(() => pick("-a x b"), /valid streams/);
});

test("the command keeps its own flags; an empty entrypoint resets the image's", () => {
  const { Image, Cmd, Entrypoint } = body("--entrypoint= b sh -c --rm");
  assert.deepEqual([Image, Cmd, Entrypoint], ["b", ["sh", "-c", "--rm"], [""]]);
  assert.equal("Entrypoint" in body("b"), false);
});

test("limits and lists", () => {
  const config = hostConfig(
    "--cpus 1.5 -m 64m --memory-swap -1 --ulimit nofile=10:20 --ulimit core=-1 --sysctl a=b=c --tmpfs /t:size=1m --tmpfs /u -v /a:/b:ro --add-host=h=::1 --restart on-failure:3 b",
  );
  assert.equal(config.NanoCpus, 1_500_000_000);
  assert.equal(config.Memory, 67_108_864);
  assert.equal(config.MemorySwap, -1);
  assert.deepEqual(config.Ulimits, [
    { Name: "nofile", Soft: 10, Hard: 20 },
    { Name: "core", Soft: -1, Hard: -1 },
  ]);
  assert.deepEqual(config.Sysctls, { a: "b=c" });
  assert.deepEqual(config.Tmpfs, { "/t": "size=1m", "/u": "" });
  assert.deepEqual(config.Binds, ["/a:/b:ro"]);
  assert.deepEqual(config.ExtraHosts, ["h:::1"]);
  assert.deepEqual(config.RestartPolicy, { Name: "on-failure", MaximumRetryCount: 3 });
  assert.deepEqual(body("-v /anon --expose 90-91/udp b").Volumes, { "/anon": {} });
  assert.deepEqual(body("--expose 90-91/udp b").ExposedPorts, { "90/udp": {}, "91/udp": {} });
});

test("networks: the first is the mode, flags belong to it", () => {
  const networks = (line: string) => {
    const whole = body(line);
    const { EndpointsConfig } = whole.NetworkingConfig as { EndpointsConfig: object };
    return [(whole.HostConfig as { NetworkMode: string }).NetworkMode, EndpointsConfig];
  };
  assert.deepEqual(networks("b"), ["default", {}]);
  assert.deepEqual(networks("--net host b"), ["host", {}]);
  assert.deepEqual(networks("--mac-address 02:42:00:00:00:01 b"), [
    "default",
    { default: { MacAddress: "02:42:00:00:00:01" } },
  ]);
  assert.deepEqual(networks("--network n1 --network name=n2,alias=q,ip=10.0.0.2 --ip 10.1.0.3 b"), [
    "n1",
    {
      n1: { IPAMConfig: { IPv4Address: "10.1.0.3" } },
      n2: { IPAMConfig: { IPv4Address: "10.0.0.2" }, Aliases: ["q"] },
    },
  ]);
  assert.throws(() => networks("--network name=n,ip=1.2.3.4 --ip 1.2.3.5 b"), /conflicting options/);
  assert.throws(() => networks("--network name=n,foo=1 b"), /invalid field key foo/);
  assert.throws(() => networks("--network n --network n b"), /multiple times/);
});

test("networks in their long form: fields as in a line of CSV, quotes and all", () => {
  const endpoint = (text: string) => {
    const { words, options } = readCommandLine("run", run, ["--network", text, "b"]);
    const made = createBody(options as unknown as RunOptions, words, [24, 80]) as Body;
    return JSON.parse(JSON.stringify(made.NetworkingConfig.EndpointsConfig)) as object;
  };
  assert.deepEqual(
    endpoint(
      'name=net1,Alias=a,alias=b,ip6=fd00::9,link-local-ip=169.254.8.8,gw-priority=-5,mac-address=02:42:00:00:00:01,"driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.forwarding=1,net.ipv4.conf.IFNAME.log_martians=1",driver-opt=k=V',
    ),
    {
      net1: {
        IPAMConfig: { IPv6Address: "fd00::9", LinkLocalIPs: ["169.254.8.8"] },
        Aliases: ["a", "b"],
        MacAddress: "02:42:00:00:00:01",
        GwPriority: -5,
        DriverOpts: {
          "com.docker.network.endpoint.sysctls":
            "net.ipv4.conf.IFNAME.forwarding=1,net.ipv4.conf.IFNAME.log_martians=1",
          k: "V",
        },
      },
    },
  );
  const refused: readonly [string, RegExp][] = [
    ["name=n,foo=1", /invalid argument "name=n,foo=1" for "--network" flag: invalid field key foo$/],
    ["alias=a", /network name\/id is not specified$/],
    ["name=n,alias", /invalid field alias$/],
    ["name=n,gw-priority=x", /invalid gw-priority \(x\): invalid syntax$/],
    ["name=n,driver-opt=x", /invalid key\/value pair format in driver options$/],
    ['name=n,"alias=a', /extraneous or missing/],
    ["name=n,mac-address=1:2", /1:2 is not a valid mac address$/],
    ["name=bridge,alias=a", /network-scoped aliases are only supported for user-defined networks$/],
  ];
  for (const [text, message] of refused) assert.throws(() => endpoint(text), { message }, text);
});

test("links are the container's, and the endpoint's on a network of one's own", () => {
  const links = (line: string) => {
    const { HostConfig, NetworkingConfig } = body(line) as unknown as Body;
    return [HostConfig.Links, NetworkingConfig.EndpointsConfig];
  };
  assert.deepEqual(links("--link web:www b"), [["web:www"], {}]);
  assert.deepEqual(links("--network n --link web b"), [["web"], { n: { Links: ["web"] } }]);
  assert.throws(() => links("--link a:b:c b"), /invalid argument "a:b:c" for "--link" flag: bad format/);
  assert.throws(() => links("--network n --network bridge b"), /both user-defined and non-user-defined/);
});

test("ports: what is published is exposed, too", () => {
  const ports = (line: string) => {
    const { HostConfig, ExposedPorts } = body(line) as unknown as Body;
    return [HostConfig.PortBindings, Object.keys(ExposedPorts), HostConfig.PublishAllPorts];
  };
  assert.deepEqual(ports("-P -p 8080:80 -p [::1]:53:53/udp --expose 90/sctp b"), [
    {
      "80/tcp": [{ HostIp: "", HostPort: "8080" }],
      "53/udp": [{ HostIp: "::1", HostPort: "53" }],
    },
    ["80/tcp", "53/udp", "90/sctp"],
    true,
  ]);
});

test("what can't go together is refused before anything is asked", () => {
  const table = [
    ["-d -a stdin b", /cannot specify both --attach and --detach/],
    ["--rm --restart always b", /cannot specify both --restart and --rm/],
    ["--pull sometimes b", /must be one of "always", "missing" or "never"/],
    ["--ulimit nofile=5:3 b", /soft limit must be less than or equal to hard limit/],
    ["--restart on-failure:x b", /maximum retry count must be an integer/],
    ["--expose 0 b", /invalid range format/],
    ["-m 3x b", /invalid argument "3x" for "-m, --memory" flag: invalid suffix: 'x'/],
    ["--stop-timeout x b", /invalid argument "x" for "--stop-timeout" flag: strconv.ParseInt/],
    ["--rm=maybe b", /invalid argument "maybe" for "--rm" flag: strconv.ParseBool/],
    ["--mount type=bind b", /for "--mount" flag: target is required$/],
  ] as const;
  for (const [line, message] of table) assert.throws(() => body(line), { message }, line);
});

test("mounts in their long form", () => {
  const mount = (text: string) =>
    (body(`--mount ${text} b`).HostConfig as { Mounts?: unknown[] }).Mounts?.[0];
  const table = [
    ["type=bind,src=/a,dst=/b,ro", { Type: "bind", Source: "/a", Target: "/b", ReadOnly: true }],
    [
      "type=bind,source=/a,target=/b,bind-propagation=rslave,bind-recursive=disabled",
      {
        Type: "bind",
        Source: "/a",
        Target: "/b",
        BindOptions: { Propagation: "rslave", NonRecursive: true },
      },
    ],
    [
      "src=data,dst=/d,volume-nocopy,volume-label=a=b,volume-label=c,volume-driver=local,volume-opt=type=tmpfs",
      {
        Type: "volume",
        Source: "data",
        Target: "/d",
        VolumeOptions: {
          NoCopy: true,
          Labels: { a: "b", c: "" },
          DriverConfig: { Name: "local", Options: { type: "tmpfs" } },
        },
      },
    ],
    [
      "type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770",
      { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o1770 } },
    ],
    ['type=bind,"src=/a,b",dst=/b', { Type: "bind", Source: "/a,b", Target: "/b" }],
  ] as const;
  for (const [text, expected] of table) assert.deepEqual(mount(text), expected, text);
  const refused = [
    ["type=bind,src=/a", /target is required/],
    ["target=/a,bind-propagation=shared", /cannot mix 'bind-\*' options with mount type 'volume'/],
    ["target=/a,what=b", /unexpected key 'what' in 'what=b'/],
    ["target=/a,src", /invalid field 'src' must be a key=value pair/],
    ["target=/a,ro=maybe", /invalid value for ro: maybe/],
    ["type=tmpfs,target=/a,tmpfs-mode=9", /invalid value for tmpfs-mode: 9/],
    ["type=bind,target=/a,src=/a,bind-recursive=readonly", /requires 'readonly' to be specified/],
    ["type=bind,target=/a,src=/a,bind-recursive=some", /invalid value for bind-recursive: some/],
    ["type=volume,target=/a,constructor=x", /unexpected key 'constructor'/],
  ] as const;
  for (const [text, message] of refused) assert.throws(() => mount(text), { message }, text);
});

test("environment: own values are taken, files come first", () => {
  const own = { HOME: "/root" };
  assert.deepEqual(readEnvironment(["A=b", "HOME", "NONE", "E="], [], own), [
    "A=b",
    "HOME=/root",
    "NONE",
    "E=",
  ]);
  assert.deepEqual(parseLines("f", "\uFEFF# c\n\n  A=b c\r\nB\n"), ["A=b c", "B"]);
  assert.throws(
    () => parseLines("f", "A B=c"),
    /invalid env file \(f\): variable 'A B' contains whitespaces/,
  );
  assert.throws(() => parseLines("f", "=x"), /no variable name/);
});

test("a command that can't be started has the shell's status", () => {
  assert.equal(startStatus('exec: "nope": executable file not found in $PATH'), 127);
  assert.equal(startStatus('exec: "/etc/passwd": permission denied'), 126);
  assert.equal(startStatus("network x not found"), 125);
});
