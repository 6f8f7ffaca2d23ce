import { spawn } from "node:child_process";
import type { Logger } from "../lib/log.ts";

/**
 * Tell systemd that the engine is ready (sd_notify(3)), where it asked for that. Node has no unix datagrams,
 * so systemd's own program does it; the unit needs NotifyAccess=all.
 */
export function notifyReady(logger: Logger): void {
  if (!process.env.NOTIFY_SOCKET) return;
  const child = spawn("systemd-notify", ["--ready", `--pid=${process.pid}`], { stdio: "ignore" });
  child.on("error", (error) => logger.warn({ err: error }, "tell systemd that the engine is ready"));
  child.on("exit", (code) => {
    if (code !== 0)
      logger.warn({ code }, "systemd-notify failed: systemd does not know that the engine is ready");
  });
}
