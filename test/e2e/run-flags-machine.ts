/** Flags of `docker run` about the machine's share and about what a container may do, and where their effect is seen. */
import { existsSync } from "node:fs";
import type { FlagCase } from "./run-flags.ts";

/** Without a weight's file Docker warns, and goes on. */
const hasWeights =
  existsSync("/sys/fs/cgroup/blkio/blkio.weight") || existsSync("/sys/fs/cgroup/blkio/blkio.bfq.weight");

/** A cgroup's file as v1 and v2 have it. */
const limit = (v1: string, v2: string) => `cat /sys/fs/cgroup/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`;

export const LIMITS: readonly FlagCase[] = [
  {
    flag: "blkio-weight",
    flags: ["--blkio-weight", "5"],
    // Where the kernel has weights, it is out of bounds.
    code: hasWeights ? 125 : 0,
    shows: hasWeights ? /[Rr]ange of blkio weight is from 10 to 1000/ : /does not support Block I\/O weight/,
  },
  {
    flag: "blkio-weight-device",
    flags: ["--blkio-weight-device", "/dev/nosuch:300"],
    code: hasWeights ? 127 : 0,
    shows: hasWeights ? /\/dev\/nosuch/ : /does not support Block I\/O weight_device/,
  },
  {
    flag: "cpu-period",
    flags: ["--cpu-period", "50000", "--cpu-quota", "20000"],
    line: limit("cpu/cpu.cfs_period_us", "cpu.max"),
    shows: /50000/,
  },
  {
    flag: "cpu-quota",
    flags: ["--cpu-quota", "20000"],
    line: limit("cpu/cpu.cfs_quota_us", "cpu.max"),
    shows: /20000/,
  },
  // Where the kernel schedules no groups in real time, the file isn't there, or takes nothing.
  {
    flag: "cpu-rt-period",
    flags: ["--cpu-rt-period", "900000"],
    line: limit("cpu/cpu.rt_period_us", "cpu.max"),
    shows: /^900000$|real-?time/im,
  },
  { flag: "cpu-rt-runtime", flags: ["--cpu-rt-runtime", "1000"], code: 125, shows: /rt_runtime|real-?time/i },
  {
    flag: "cpu-shares",
    flags: ["-c", "512"],
    line: limit("cpu/cpu.shares", "cpu.weight"),
    shows: /^(512|20|59)$/m,
  },
  {
    flag: "cpus",
    flags: ["--cpus", "0.5"],
    line: limit("cpu/cpu.cfs_quota_us", "cpu.max"),
    shows: /^50000/m,
  },
  {
    flag: "cpuset-cpus",
    flags: ["--cpuset-cpus", "0"],
    line: "grep Cpus_allowed_list /proc/self/status",
    shows: /\t0$/m,
  },
  {
    flag: "cpuset-mems",
    flags: ["--cpuset-mems", "0"],
    line: "grep Mems_allowed_list /proc/self/status",
    shows: /\t0$/m,
  },
  ...(["read-bps", "write-bps", "read-iops", "write-iops"] as const).map(
    (name): FlagCase => ({
      flag: `device-${name}`,
      flags: [`--device-${name}`, "/dev/nosuch:1000"],
      code: 127,
      shows: /\/dev\/nosuch/,
    }),
  ),
  {
    flag: "memory",
    flags: ["-m", "64m"],
    line: limit("memory/memory.limit_in_bytes", "memory.max"),
    shows: /^67108864$/m,
  },
  {
    flag: "memory-reservation",
    flags: ["--memory-reservation", "32m"],
    line: limit("memory/memory.soft_limit_in_bytes", "memory.low"),
    shows: /^33554432$/m,
  },
  {
    flag: "memory-swap",
    flags: ["-m", "64m", "--memory-swap", "10m"],
    code: 125,
    shows: /Minimum memoryswap limit should be larger than memory limit/,
  },
  {
    flag: "memory-swappiness",
    flags: ["--memory-swappiness", "101"],
    code: 125,
    shows: /Valid memory swappiness range is 0-100/,
  },
  {
    flag: "oom-score-adj",
    flags: ["--oom-score-adj", "500"],
    line: "cat /proc/self/oom_score_adj",
    shows: /^500$/m,
  },
  {
    flag: "pids-limit",
    flags: ["--pids-limit", "30"],
    line: limit("pids/pids.max", "pids.max"),
    shows: /^30$/m,
  },
  { flag: "shm-size", flags: ["--shm-size", "1m"], line: "df -k /dev/shm", shows: /\s1024\s/ },
  {
    flag: "ulimit",
    flags: ["--ulimit", "nofile=100:200"],
    line: "ulimit -n; ulimit -Hn",
    shows: /^100\n200$/m,
  },
];

export const ISOLATION: readonly FlagCase[] = [
  {
    flag: "cap-add",
    flags: ["--cap-add", "NET_ADMIN"],
    line: "ip link set lo down && echo did",
    shows: /^did$/m,
  },
  {
    flag: "cap-drop",
    flags: ["--cap-drop", "ALL"],
    line: "grep CapEff /proc/self/status",
    shows: /\t0{16}$/m,
  },
  {
    flag: "cgroup-parent",
    flags: ["--cgroup-parent", "@parent/deeper", "--cgroupns", "host"],
    line: "cat /proc/self/cgroup",
    shows: /\/deeper\//,
  },
  {
    flag: "cgroupns",
    flags: ["--cgroupns", "private"],
    line: "cat /proc/self/cgroup",
    shows: /:\/$/m,
  },
  {
    flag: "device",
    flags: ["--device", "/dev/kmsg:/dev/messages:r"],
    line: "test -r /dev/messages && echo there; echo x >/dev/messages",
    shows: /^there\n.*not permitted/m,
    code: 1,
  },
  {
    flag: "device-cgroup-rule",
    flags: ["--device-cgroup-rule", "c 1:11 r", "--cap-add", "SYSLOG"],
    line: "mknod /kmsg c 1 11 && dd if=/kmsg count=0 2>/dev/null && echo opened",
    shows: /^opened$/m,
  },
  {
    flag: "gpus",
    flags: ["--gpus", "all"],
    code: 125,
    shows: /could not select device driver "" with capabilities: \[\[gpu\]\]/,
  },
  { flag: "group-add", flags: ["--group-add", "55"], line: "id -G", shows: /\b55\b/ },
  { flag: "init", flags: ["--init"], line: "cat /proc/1/cmdline", shows: /init/ },
  { flag: "ipc", flags: ["--ipc", "none"], line: "ls /dev/shm", code: 1, shows: /No such file/ },
  {
    flag: "isolation",
    flags: ["--isolation", "hyperv"],
    code: 125,
    shows: /invalid isolation \(hyperv\): linux only supports 'default'/,
  },
  { flag: "pid", flags: ["--pid", "container:other"], line: "ps -o args", shows: /sleep 1000/ },
  {
    flag: "privileged",
    flags: ["--privileged"],
    line: "mount -t tmpfs none /tmp && echo did",
    shows: /^did$/m,
  },
  { flag: "read-only", flags: ["--read-only"], line: "touch /x", code: 1, shows: /Read-only file system/ },
  { flag: "runtime", flags: ["--runtime", "nosuch"], code: 125, shows: /nosuch/ },
  {
    flag: "security-opt",
    flags: ["--security-opt", "no-new-privileges"],
    line: "grep NoNewPrivs /proc/self/status",
    shows: /\t1$/m,
  },
  {
    flag: "sysctl",
    flags: ["--sysctl", "net.core.somaxconn=77"],
    line: "cat /proc/sys/net/core/somaxconn",
    shows: /^77$/m,
  },
  { flag: "user", flags: ["-u", "1:1"], line: "id", shows: /uid=1\(daemon\) gid=1\(daemon\)/ },
  { flag: "userns", flags: ["--userns", "nosuch"], code: 125, shows: /invalid USER mode/ },
  { flag: "uts", flags: ["--uts", "host"], line: "hostname", shows: /^drawbridge-host$/m },
];

/** Of Windows: the command itself refuses. Of older kernels: Docker takes it and does nothing, from API 1.42 on. */
export const ELSEWHERE: readonly FlagCase[] = [
  ...[
    ["cpu-count", "1"],
    ["cpu-percent", "10"],
    ["io-maxbandwidth", "1m"],
    ["io-maxiops", "10"],
  ].map(
    ([flag = "", value = ""]): FlagCase => ({
      flag,
      flags: [`--${flag}`, value],
      code: 1,
      shows: /only supported on a Docker daemon running on windows/,
    }),
  ),
  { flag: "kernel-memory", flags: ["--kernel-memory", "10m"], line: "echo ran", shows: /^ran$/m },
  {
    flag: "oom-kill-disable",
    flags: ["--oom-kill-disable", "-m", "64m"],
    line: limit("memory/memory.oom_control", "memory.max"),
    // Only v1 has it; a warning says so on v2.
    shows: /oom_kill_disable 1|OomKillDisable/i,
  },
];
