/** The engine as a service: flags and file, log, sockets, signals, start and stop. */
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import type { EngineSettings } from "../engine/settings.ts";
import { asError, messageOf, unavailable } from "../lib/errors.ts";
import { packageVersion } from "../lib/version.ts";
import type { DaemonConfig } from "./config.ts";
import { loadConfig, openListeners } from "./load.ts";
import { createLogger, type DaemonLogger } from "./logger.ts";
import { notifyReady } from "./notify.ts";
import { writePidFile } from "./pid-file.ts";
import { reload } from "./reload.ts";
import { missingParts, thisMachine } from "./requirements.ts";
import { watchForStop } from "./signals.ts";
import type { DaemonFlags } from "./values.ts";

function loggerFor(config: DaemonConfig): DaemonLogger {
  const terminal = process.stderr.isTTY === true;
  return createLogger({
    level: config.logLevel,
    format: config.logFormat ?? (terminal ? "text" : "json"),
    color: terminal && !process.env.NO_COLOR,
    write: (line) => {
      writeSync(2, line);
    },
  });
}

/** @throws what keeps this machine, or this user, from running an engine */
function checkMachine(): void {
  if (process.geteuid?.() !== 0) {
    throw unavailable(
      "the engine makes namespaces, links and firewall rules, which needs root: sudo drawbridge daemon",
    );
  }
  const missing = missingParts(thisMachine);
  if (missing.length > 0) throw unavailable(missing.join("\n"));
}

/** An error that nobody waited for: the engine's state is unknown, so it ends; containers live on under their monitors. */
function endOnCrash(logger: DaemonLogger, cleanUp: () => void): void {
  process.on("uncaughtException", (error, origin) => {
    logger.fatal({ err: asError(error), origin }, "the engine ends, its containers go on");
    cleanUp();
    process.exit(1);
  });
}

async function serve(
  config: DaemonConfig,
  flags: DaemonFlags,
  settings: EngineSettings,
  logger: DaemonLogger,
) {
  const listeners = openListeners(config);
  const removePidFile = writePidFile(config.pidFile);
  endOnCrash(logger, removePidFile);
  const stop = watchForStop((signal) => {
    logger.warn({ signal }, "second signal: ending at once; containers go on");
    removePidFile();
    process.exit(1);
  });
  try {
    const { createEngine } = await import("../engine/engine.ts");
    const engine = await createEngine(settings);
    try {
      const { startServer } = await import("../api/server.ts");
      const server = await startServer(engine, { listeners, logger });
      let inForce = config;
      process.on("SIGHUP", () => {
        inForce = reload(inForce, () => loadConfig(flags), engine, logger);
      });
      for (const address of server.addresses) logger.info({}, `API listen on ${address}`);
      notifyReady(logger);
      flushCompileCache();
      const signal = await stop.requested;
      logger.info({ signal, liveRestore: inForce.engine.liveRestore }, "stopping");
      await server.close();
    } finally {
      await engine.stop();
    }
    logger.info({}, "stopped");
  } finally {
    removePidFile();
  }
}

/**
 * `drawbridge daemon`: runs until it is told to stop.
 * @param flags by long name, as typed
 * @returns the exit code: 1 where it could not start or stop, which its log tells
 * @throws ConfigError; whatever keeps the engine from starting
 */
export async function runDaemon(flags: DaemonFlags): Promise<number> {
  const config = loadConfig(flags);
  if (flags.get("validate")?.at(-1) === "true") {
    for (const warning of config.warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stderr.write("configuration OK\n");
    return 0;
  }
  checkMachine();
  process.umask(0o022);
  const logger = loggerFor(config);
  const settings: EngineSettings = { ...config.engine, version: packageVersion(), logger };
  if (flags.get("clean")?.at(-1) === "true") {
    const { cleanHost } = await import("../engine/engine.ts");
    for (const line of await cleanHost(settings)) process.stdout.write(`${line}\n`);
    return 0;
  }
  for (const warning of config.warnings) logger.warn({}, warning);
  try {
    await serve(config, flags, settings, logger);
    return 0;
  } catch (thrown) {
    logger.debug({ err: asError(thrown) }, "the whole story");
    logger.fatal({}, messageOf(thrown));
    return 1;
  }
}
