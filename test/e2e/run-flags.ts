/** Each flag of `docker run` but those of `run-flags-machine.ts`, and where its effect is seen. */

export interface FlagCase {
  /** The long name. */
  readonly flag: string;
  /** Words of the command line; `@dir` is a directory of the host with `env`, `labels`; `@parent` its cgroup parent. */
  readonly flags: readonly string[];
  /** The shell's line that runs in the container; `true` unless told. */
  readonly line?: string;
  readonly input?: string;
  /** In what the command prints, on either output. */
  readonly shows?: RegExp;
  /** A line of the host's shell, run afterwards, and what it prints; the container is called `last` and is there still. */
  readonly after?: readonly [line: string, shows: RegExp];
  /** The command's exit code, 0 unless told. 125 is the engine's or the command's own refusal. */
  readonly code?: number;
}

const inspected = (template: string) => `docker inspect -f '${template}' last`;

export const NETWORK: readonly FlagCase[] = [
  {
    flag: "add-host",
    flags: ["--add-host", "db:10.0.0.9"],
    line: "cat /etc/hosts",
    shows: /^10\.0\.0\.9\s+db$/m,
  },
  {
    flag: "dns",
    flags: ["--dns", "10.0.0.53"],
    line: "cat /etc/resolv.conf",
    shows: /nameserver 10\.0\.0\.53/,
  },
  {
    flag: "dns-option",
    flags: ["--dns-option", "ndots:3"],
    line: "cat /etc/resolv.conf",
    shows: /options.*ndots:3/,
  },
  {
    flag: "dns-search",
    flags: ["--dns-search", "shop.example"],
    line: "cat /etc/resolv.conf",
    shows: /search shop\.example/,
  },
  {
    flag: "domainname",
    flags: ["--domainname", "shop.example"],
    line: "cat /proc/sys/kernel/domainname",
    shows: /^shop\.example$/m,
  },
  {
    flag: "expose",
    flags: ["--expose", "81/udp"],
    after: [inspected("{{json .Config.ExposedPorts}}"), /"81\/udp":\{\}/],
  },
  { flag: "hostname", flags: ["-h", "door"], line: "hostname", shows: /^door$/m },
  {
    flag: "ip",
    flags: ["--network", "flags", "--ip", "10.66.0.9"],
    line: "ip address",
    shows: /inet 10\.66\.0\.9\/24/,
  },
  {
    flag: "ip6",
    flags: ["--network", "flags", "--ip6", "fd00:66::9"],
    line: "ip address",
    shows: /inet6 fd00:66::9\/64/,
  },
  { flag: "link", flags: ["--link", "other:store"], line: "cat /etc/hosts", shows: /\tstore .* other$/m },
  {
    flag: "link-local-ip",
    flags: ["--network", "flags", "--link-local-ip", "169.254.7.7"],
    line: "ip address",
    shows: /inet 169\.254\.7\.7\/16/,
  },
  {
    flag: "mac-address",
    flags: ["--mac-address", "02:42:00:00:00:77"],
    line: "cat /sys/class/net/eth0/address",
    shows: /^02:42:00:00:00:77$/m,
  },
  { flag: "network", flags: ["--network", "none"], line: "ls /sys/class/net", shows: /^lo\n$/ },
  {
    flag: "network-alias",
    flags: ["--network", "flags", "--network-alias", "me"],
    line: "nslookup -type=a me",
    shows: /^Name:\tme$/m,
  },
  {
    flag: "publish",
    flags: ["-p", "127.0.0.1:18090:80"],
    after: ["docker port last", /^$/],
    line: "true",
  },
  {
    flag: "publish-all",
    flags: ["-d", "-P", "--expose", "80", "--stop-signal", "KILL"],
    line: "sleep 1000",
    after: ["docker port last", /^80\/tcp -> 0\.0\.0\.0:\d+$/m],
  },
];

export const FILES: readonly FlagCase[] = [
  {
    flag: "mount",
    flags: ["--mount", "type=bind,src=@dir,dst=/in,readonly"],
    line: "cat /in/env",
    shows: /FILED=yes/,
  },
  {
    flag: "storage-opt",
    flags: ["--storage-opt", "size=1g"],
    code: 125,
    shows: /--storage-opt|storage opt/i,
  },
  {
    flag: "tmpfs",
    flags: ["--tmpfs", "/scratch:size=1m"],
    line: "df -k /scratch",
    shows: /^tmpfs\s+1024\s/m,
  },
  {
    flag: "use-api-socket",
    flags: ["--use-api-socket"],
    line: "ls /var/run/docker.sock",
    shows: /docker\.sock/,
  },
  {
    flag: "volume",
    flags: ["-v", "kept:/data", "-v", "/anonymous"],
    line: "mount",
    shows: / on \/anonymous (.|\n)* on \/data | on \/data (.|\n)* on \/anonymous /,
  },
  {
    flag: "volume-driver",
    flags: ["--volume-driver", "nosuch", "-v", "elsewhere:/data"],
    code: 125,
    shows: /nosuch/,
  },
  { flag: "volumes-from", flags: ["--volumes-from", "other"], line: "cat /shared/file", shows: /^shared$/m },
  { flag: "workdir", flags: ["-w", "/made/here"], line: "pwd", shows: /^\/made\/here$/m },
];

export const PROCESS: readonly FlagCase[] = [
  {
    flag: "attach",
    flags: ["-a", "stderr"],
    line: "echo out; echo err >&2",
    shows: /^err\n$/,
  },
  { flag: "detach", flags: ["-d"], line: "echo unseen", shows: /^[0-9a-f]{64}\n$/ },
  { flag: "detach-keys", flags: ["--detach-keys", "ctrl-long"], code: 1, shows: /received 400/ },
  { flag: "entrypoint", flags: ["--entrypoint", "echo"], shows: /^sh -c true$/m },
  { flag: "env", flags: ["-e", "GIVEN=yes"], line: "echo $GIVEN", shows: /^yes$/m },
  { flag: "env-file", flags: ["--env-file", "@dir/env"], line: "echo $FILED", shows: /^yes$/m },
  { flag: "interactive", flags: ["-i"], line: "cat", input: "typed\n", shows: /^typed\n$/ },
  { flag: "sig-proxy", flags: ["--sig-proxy=false"], line: "echo ran", shows: /^ran$/m },
  {
    flag: "stop-signal",
    flags: ["-d", "--stop-signal", "USR1"],
    line: "trap 'exit 9' USR1; echo set; while :; do sleep 0.02; done",
    after: [
      "until docker logs last | grep -q set; do sleep 0.02; done; docker stop last >/dev/null; docker wait last",
      /^9$/m,
    ],
  },
  {
    flag: "stop-timeout",
    flags: ["-d", "--stop-timeout", "0"],
    line: "sleep 1000",
    after: ["docker stop last >/dev/null; docker wait last", /^137$/m],
  },
  { flag: "tty", flags: ["-t"], line: "tty", shows: /^\/dev\/pts\/0\r$/m },
  {
    flag: "restart",
    flags: ["-d", "--restart", "on-failure:2"],
    line: "exit 4",
    after: [
      "for i in $(seq 200); do docker inspect -f '{{.RestartCount}} {{.State.Status}}' last | grep -q '2 exited' && break; sleep 0.05; done; docker wait last",
      /^4$/m,
    ],
  },
];

const healthFlag = (name: string, value: string, shows: RegExp): FlagCase => ({
  flag: `health-${name}`,
  flags: ["--health-cmd", "true", `--health-${name}`, value],
  after: [inspected("{{json .Config.Healthcheck}}"), shows],
});

export const RECORD: readonly FlagCase[] = [
  {
    flag: "annotation",
    flags: ["--annotation", "made=here"],
    after: [inspected("{{json .HostConfig.Annotations}}"), /"made":"here"/],
  },
  { flag: "cidfile", flags: ["--cidfile", "@dir/cid"], after: ["cat @dir/cid", /^[0-9a-f]{64}$/] },
  { flag: "disable-content-trust", flags: ["--disable-content-trust"], line: "echo ran", shows: /^ran$/m },
  {
    flag: "health-cmd",
    flags: ["-d", "--health-cmd", "test -e /well", "--health-interval", "50ms"],
    line: "touch /well; sleep 1000",
    after: [
      "for i in $(seq 200); do docker ps -q -f name=last -f health=healthy | grep -q . && break; sleep 0.05; done; docker ps -f name=last",
      /\(healthy\)/,
    ],
  },
  healthFlag("interval", "7s", /"Interval":7000000000/),
  healthFlag("retries", "7", /"Retries":7/),
  healthFlag("start-interval", "7s", /"StartInterval":7000000000/),
  healthFlag("start-period", "7s", /"StartPeriod":7000000000/),
  healthFlag("timeout", "7s", /"Timeout":7000000000/),
  { flag: "help", flags: ["--help"], shows: /^Usage:\s+docker run/m },
  { flag: "label", flags: ["-l", "of=line"], after: [inspected("{{json .Config.Labels}}"), /"of":"line"/] },
  {
    flag: "label-file",
    flags: ["--label-file", "@dir/labels"],
    after: [inspected("{{json .Config.Labels}}"), /"of":"file"/],
  },
  {
    flag: "log-driver",
    flags: ["--log-driver", "none"],
    line: "echo x",
    after: ["docker logs last 2>&1 || true", /does not support reading/],
  },
  {
    flag: "log-opt",
    flags: ["--log-opt", "nosuch=1"],
    code: 125,
    shows: /unknown log opt 'nosuch' for json-file log driver/,
  },
  { flag: "name", flags: ["--name", "called"], after: ["docker rm called", /^called$/m] },
  {
    flag: "no-healthcheck",
    flags: ["--no-healthcheck"],
    after: [inspected("{{json .Config.Healthcheck.Test}}"), /\["NONE"\]/],
  },
  {
    flag: "platform",
    flags: ["--platform", "linux/s390x", "--pull", "never"],
    code: 125,
    shows: /wanted linux\/s390x, actual: linux\//,
  },
  { flag: "pull", flags: ["--pull", "never"], line: "echo ran", shows: /^ran$/m },
  { flag: "quiet", flags: ["--quiet"], line: "echo ran", shows: /^ran\n$/ },
  { flag: "rm", flags: ["--rm"], after: ["docker ps -aq -f name=last", /^$/] },
];
