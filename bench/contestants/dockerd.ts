/** dockerd as the distribution packs it, with roots, socket, bridge and cgroups of its own, in a throwaway host. */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "../../src/api/client.ts";
import type { ThrowawayHost } from "../../test/support/host.ts";
import { clientOf } from "../lib/engines.ts";

const PATIENCE = 30_000;

/** It ends with its host. @throws Error with its log, where it does not come up */
export async function startDockerd(host: ThrowawayHost): Promise<ApiClient> {
  const socket = join(host.directory, "docker.sock");
  const logFile = join(host.directory, "dockerd.log");
  const flags = ["-H", `unix://${socket}`, "--data-root", host.dataRoot, "--exec-root", host.execRoot];
  flags.push("--pidfile", join(host.directory, "dockerd.pid"), "--cgroup-parent", `/${host.cgroupParent}`);
  const [command = "", ...args] = host.enter(["dockerd", ...flags]);
  const log = openSync(logFile, "a");
  const daemon = spawn(command, args, { env: host.environment, stdio: ["ignore", log, log] });
  closeSync(log);
  const client = clientOf(socket);
  for (const deadline = Date.now() + PATIENCE; ; await sleep(50)) {
    const late = Date.now() > deadline;
    if (daemon.exitCode !== null || late) throw new Error(`dockerd: ${readFileSync(logFile, "utf8")}`);
    if (!existsSync(socket)) continue;
    try {
      await client.get("/version");
      return client;
    } catch {
      // Not yet: until it is late, when its log tells why.
    }
  }
}
