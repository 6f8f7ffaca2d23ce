/**
 * Private namespaces for tests of code that runs in the test's own process.
 *
 * ```ts
 * import { test } from "node:test";
 * import { isolated } from "../support/isolated.ts";
 *
 * isolated(import.meta); // first statement after the imports
 *
 * test("a bridge", async () => { … }); // `ip link` shows lo, and nothing else
 * ```
 *
 * The file is run again in network, mount, UTS and PID namespaces of its own, all tests of it in the same ones.
 * Inside, `lo` is up and the only link, the nft rule set is empty, /sys and /proc are those of the namespaces,
 * /run is an empty tmpfs with `/run/netns` (so `ip netns` works), mounts are private, and the cgroup v1 hierarchies
 * stand without the hybrid `unified` mount. Sysctls start as the kernel gives them: set what you will assert to
 * its opposite first. What isn't separated: files outside /run, cgroups, `/proc/sys/kernel`.
 *
 * When the file ends, by whatever way, all processes in it are killed, and links, rules and mounts are gone.
 */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import process from "node:process";
import { isRoot } from "./root.ts";

const MARK = "DRAWBRIDGE_ISOLATED";
const here = import.meta.dirname;

// Not `exec`: the shell is PID 1 and reaps what the test orphans.
const INIT = `set -e; . "$0/private-mounts.sh"; set +e; "$@"; exit $?`;

/**
 * Returns only inside the private namespaces; outside it runs the file there and exits with its status.
 * Unprivileged, it reports one skipped test and exits.
 */
export function isolated(meta: ImportMeta): void {
  if (process.env[MARK] === meta.filename) return;
  process.exit(isRoot() ? runInside(meta.filename) : runFile(join(here, "unprivileged.ts")));
}

function runInside(file: string): number {
  const args = ["--pdeathsig", "KILL", "unshare", "--net", "--mount", "--uts", "--pid", "--fork"];
  args.push("--kill-child", "sh", "-c", INIT, here, process.execPath, ...process.execArgv, file);
  args.push(...process.argv.slice(2));
  return run("setpriv", args, { ...process.env, [MARK]: file });
}

function runFile(file: string): number {
  return run(process.execPath, [...process.execArgv, file], process.env);
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): number {
  // Inherited streams: under `node --test` the inner run reports straight to the runner.
  const { status, error } = spawnSync(command, args, { stdio: "inherit", env, cwd: dirname(dirname(here)) });
  if (error) throw error;
  return status ?? 1;
}
