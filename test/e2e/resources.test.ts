/** What containers may use and what they use, through Docker's own client and in the kernel's own files. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StatsAnswer } from "../../src/cli/stats-row.ts";
import { cgroupVersion } from "../../src/linux/host.ts";
import { dockerIn } from "../support/docker.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const MIB = 2 ** 20;

/** By what they limit: the file of cgroup version 1, and of version 2. */
const FILES = {
  memory: ["memory/memory.limit_in_bytes", "memory.max"],
  cpu: ["cpu/cpu.cfs_quota_us", "cpu.max"],
  pids: ["pids/pids.max", "pids.max"],
  cpuset: ["cpuset/cpuset.cpus", "cpuset.cpus"],
  shares: ["cpu/cpu.shares", "cpu.weight"],
} as const;

for (const runtime of ["crun", "runc"]) {
  describe(`resources, with ${runtime}`, { skip: withoutRoot }, () => {
    const suite = hostWithEngine({}, { env: { DRAWBRIDGE_RUNTIME: runtime } });
    const docker = dockerIn(suite);
    const ask = async (path: string) => {
      const { status, text } = await suite.engine.request("GET", `/v1.50${path}`);
      assert.equal(status, 200, text);
      return text;
    };
    const stats = async (name: string): Promise<StatsAnswer> =>
      JSON.parse(await ask(`/containers/${name}/stats?stream=false&one-shot=true`));
    const hostConfig = async (name: string) =>
      JSON.parse(await docker("inspect -f", "{{json .HostConfig}}", name));
    /** What has become of a container, until now. */
    const actions = async (name: string): Promise<readonly string[]> => {
      const filters = encodeURIComponent(JSON.stringify({ container: [name] }));
      const text = await ask(`/events?since=0&until=${Date.now() / 1000}&filters=${filters}`);
      return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line).Action]));
    };
    /** Each as the container finds it. */
    const limits = async (name: string) => {
      const lines = Object.values(FILES).map(([old, unified]) => {
        const [first, second] = [`/sys/fs/cgroup/${old}`, `/sys/fs/cgroup/${unified}`];
        return `cat ${first} 2>/dev/null || cat ${second}`;
      });
      const { stdout } = await docker.shell(name, lines.join("; "));
      const values = stdout.trim().split("\n");
      return Object.fromEntries(Object.keys(FILES).map((key, i) => [key, values[i]?.split(" ")[0]]));
    };

    test("limits are the kernel's, are changed while it runs, and last", async () => {
      await docker.idle("limited", "-m 64m --cpus 0.5 --pids-limit 50");
      const first = await limits("limited");
      assert.deepEqual([first.memory, first.cpu, first.pids], [String(64 * MIB), "50000", "50"]);
      const update =
        "update -m 96m --memory-swap 128m --cpus 1 --pids-limit -1 --cpuset-cpus 0 -c 512 --restart always";
      assert.equal(await docker(`${update} limited`), "limited");
      const second = await limits("limited");
      assert.deepEqual(
        [second.memory, second.cpu, second.pids, second.cpuset],
        [String(96 * MIB), "100000", "max", "0"],
      );
      assert.notEqual(second.shares, first.shares);
      const { Memory, MemorySwap, NanoCpus, PidsLimit, CpusetCpus, CpuShares, RestartPolicy } =
        await hostConfig("limited");
      assert.deepEqual(
        [Memory, MemorySwap, NanoCpus, PidsLimit, CpusetCpus, CpuShares, RestartPolicy.Name],
        [96 * MIB, 128 * MIB, 1e9, 0, "0", 512, "always"],
      );
      await docker("restart -t 0 limited");
      const { pids, ...rest } = second;
      assert.equal(pids, "max");
      const after = await limits("limited");
      for (const [key, value] of Object.entries(rest)) assert.equal(after[key], value, key);
      assert.deepEqual(
        (await actions("limited")).filter((action) => action === "update"),
        ["update"],
      );
    });

    test("an update that can't be carried out changes nothing", async () => {
      await docker.idle("full", "-m 64m --memory-swap 64m --pids-limit 50");
      await docker.shell("full", "head -c 40000000 /dev/zero > /dev/shm/x");
      const before = [await limits("full"), await hostConfig("full")];
      // Version 2 kills for it, where version 1 refuses: there the second is what can't be.
      const refusals = [
        "update -c 300 --pids-limit 40 -m 7m --memory-swap 7m full",
        "update -c 300 --cpuset-cpus 99 full",
      ];
      for (const line of cgroupVersion() === "2" ? refusals.slice(1) : refusals) {
        await docker.refused(line);
        assert.deepEqual([await limits("full"), await hostConfig("full")], before);
      }
    });

    test("stats tell what it does, and of the network that it shares", async () => {
      await docker.idle("busy", "-m 64m --pids-limit 50");
      await docker.idle("guest", "--network container:busy");
      const before = await stats("busy");
      await docker.shell(
        "busy",
        "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; wget -qO- http://127.0.0.1:1",
      );
      await docker.shell("busy", "ping -c 3 -i 0.1 $(ip route | awk '/default/{print $3}')");
      const after = await stats("busy");
      assert.ok(after.cpu_stats.cpu_usage.total_usage > before.cpu_stats.cpu_usage.total_usage);
      assert.equal(after.memory_stats.limit, 64 * MIB);
      assert.equal(after.pids_stats.current, 1);
      const sent = (told: StatsAnswer) => told.networks?.eth0?.tx_bytes ?? 0;
      assert.ok(sent(after) >= sent(before) + 3 * 84, `${sent(before)}, ${sent(after)}`);
      assert.ok(sent(await stats("guest")) >= sent(after));
      assert.deepEqual(Object.keys(after.networks ?? {}), ["eth0"]);
      const line = await docker("stats --no-stream --format {{.Name}}/{{.PIDs}} busy");
      assert.equal(line, "busy/1");
    });

    test("top shows its processes, those of execs among them, and nobody else's", async () => {
      await docker.idle("crowd");
      await docker("exec -d crowd sleep 4321");
      const lines = await docker.lines("top crowd -o pid,args");
      assert.deepEqual(
        lines.map((line) => line.replace(/^\d+ +/, "").replace(/ +/g, " ")),
        ["PID COMMAND", "sleep 1000", "sleep 4321"],
      );
      assert.match(await docker.refused("top crowd -o args"), /Couldn't find PID field in ps output/);
      assert.match(await docker.refused("top crowd --nosuch"), /ps: /);
    });

    test("devices: those that were given, with the access that was given", async () => {
      const null_ = "--rm --device /dev/null:/dev/mine:r busybox";
      assert.equal(await docker(`run ${null_} cat /dev/mine`), "");
      assert.match(
        await docker(
          `run --rm --device-cgroup-rule`,
          "c 10:229 rw",
          "busybox",
          "sh",
          "-c",
          "mknod /x c 10 229 && : < /x && echo open",
        ),
        /^open$/,
      );
      assert.match(
        await docker.refused("run --rm busybox sh -c", "mknod /x c 10 229 && : < /x"),
        /not permitted/,
      );
      const missing = "run --device /dev/nosuch busybox true";
      assert.match(
        await docker.refused(missing),
        /gathering device information while adding custom device "\/dev\/nosuch"/,
      );
      assert.match(
        await docker.refused("run --rm --gpus all busybox true"),
        /could not select device driver "" with capabilities: \[\[gpu\]\]/,
      );
    });

    test("shared memory: of those that share it, gone with its owner", async () => {
      await docker.idle("donor", "--ipc shareable --shm-size 1m");
      await docker.shell("donor", "echo shared > /dev/shm/word");
      assert.equal(await docker("run --rm --ipc container:donor busybox cat /dev/shm/word"), "shared");
      const [own, joined] = await Promise.all([
        docker("exec donor readlink /proc/self/ns/ipc"),
        docker("run --rm --ipc container:donor busybox readlink /proc/self/ns/ipc"),
      ]);
      assert.equal(joined, own);
      await docker.idle("guest-of-donor", "--ipc container:donor");
      assert.match(
        await hostConfig("guest-of-donor").then(({ IpcMode }) => IpcMode),
        /^container:[0-9a-f]{64}$/,
      );
      await docker("rm -f donor");
      const mounts = await suite.host.run("cat", ["/proc/self/mountinfo"]);
      assert.ok(!mounts.stdout.includes(`${suite.host.execRoot}/shm/`), mounts.stdout);
      assert.equal((await docker.shell("guest-of-donor", "cat /dev/shm/word")).stdout, "shared\n");
      await docker.idle("own");
      assert.match(await docker.refused("run --rm --ipc container:own busybox true"), /non-shareable IPC/);
      assert.match(
        await docker.refused("create --ipc container:nosuch busybox"),
        /No such container: nosuch/,
      );
    });

    test("paused: it stands still, and says so", async () => {
      await docker.idle("frozen");
      await docker("pause frozen");
      assert.match(await docker("ps --filter name=frozen --format {{.Status}}"), /\(Paused\)$/);
      assert.match(await docker.refused("pause frozen"), /is already paused/);
      assert.equal((await stats("frozen")).pids_stats.current, 1);
      await docker("update --pids-limit 77 frozen");
      await docker("unpause frozen");
      assert.match(await docker.refused("unpause frozen"), /is not paused/);
      assert.equal((await limits("frozen")).pids, "77");
      const events = await actions("frozen");
      assert.deepEqual(
        events.filter((action) => /pause|update/.test(action)),
        ["pause", "update", "unpause"],
      );
    });

    test("an init of one's own reaps, and a runtime goes by either name", async () => {
      const line = await docker("run --rm --init --runtime runc busybox cat /proc/1/comm");
      assert.match(line, /^(docker-init|tini)/);
      await docker("run --rm --runtime io.containerd.runc.v2 busybox true");
      assert.match(
        await docker.refused("run --rm --runtime nosuch busybox true"),
        /unknown or invalid runtime name: nosuch/,
      );
    });
  });
}
