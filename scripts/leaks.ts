/** What tests could leave on the machine, as lines that name it; two lists are compared. */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** Of an engine, of what it starts, and of the tests' own hosts. */
const PROCESSES = /(^|\/)(conmon|crun|runc)\0|bin\/drawbridge\0|src\/cli\/main\.ts\0|test\/support\//;
const CGROUPS = /drawbridge|conmon|crun|[0-9a-f]{64}/;

/** What stands on the machine now. Rules and others' processes are seen by root alone. */
export function standing(): ReadonlySet<string> {
  return new Set([
    ...links(),
    ...namespaces(),
    ...mounts(),
    ...tables(),
    ...cgroups(),
    ...files(),
    ...processes(),
  ]);
}

const entries = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);

const links = () => entries("/sys/class/net").map((name) => `link ${name}`);

const namespaces = () => entries("/run/netns").map((name) => `network namespace ${name}`);

const files = () =>
  entries(tmpdir())
    .filter((name) => name.startsWith("drawbridge-"))
    .map((name) => `directory ${join(tmpdir(), name)}`);

/** proc(5), mountinfo: the fifth field is where it is mounted. */
function mounts(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").trimEnd().split("\n");
  return lines.map((line) => `mount ${line.split(" ")[4]}`);
}

function tables(): string[] {
  if (process.geteuid?.() !== 0) return [];
  const list = execFileSync("nft", ["list", "tables"], { encoding: "utf8" });
  return list
    .split("\n")
    .filter(Boolean)
    .map((table) => `nft ${table}`);
}

function cgroups(): string[] {
  // v2: one hierarchy; v1: one a controller.
  const found = globSync(["*/", "*/*/", "*/*/*/"], { cwd: "/sys/fs/cgroup" });
  return found.filter((path) => CGROUPS.test(path)).map((path) => `cgroup ${path}`);
}

function processes(): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      return PROCESSES.test(line) ? [`process ${pid} ${line.replaceAll("\0", " ").trimEnd()}`] : [];
    } catch {
      return []; // it has ended since the directory was read
    }
  });
}
