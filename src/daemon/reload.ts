import { isDeepStrictEqual } from "node:util";
import type { ReloadableSettings } from "../engine/settings.ts";
import { messageOf } from "../lib/errors.ts";
import type { DaemonConfig } from "./config.ts";
import type { DaemonLogger } from "./logger.ts";

const RELOADABLE = [
  "labels",
  "shutdownTimeout",
  "liveRestore",
  "insecureRegistries",
  "registryMirrors",
] as const satisfies (keyof ReloadableSettings)[];

const reloadable = (config: DaemonConfig): ReloadableSettings => ({
  labels: config.engine.labels,
  shutdownTimeout: config.engine.shutdownTimeout,
  liveRestore: config.engine.liveRestore,
  insecureRegistries: config.engine.insecureRegistries,
  registryMirrors: config.engine.registryMirrors,
});

/** What differs and takes a new start, by the settings' own names. */
export function needRestart(before: DaemonConfig, after: DaemonConfig): readonly string[] {
  const engine = { ...after.engine, ...reloadable(before) };
  const settings = Object.keys({ ...before.engine, ...engine }).filter(
    (key) => !isDeepStrictEqual(Reflect.get(before.engine, key), Reflect.get(engine, key)),
  );
  const own = (["listeners", "pidFile", "logFormat"] as const).filter(
    (key) => !isDeepStrictEqual(before[key], after[key]),
  );
  return [...settings, ...own];
}

/**
 * SIGHUP: take over what a running engine can. A configuration that is wrong changes nothing.
 * @returns the configuration now in force
 */
export function reload(
  current: DaemonConfig,
  load: () => DaemonConfig,
  engine: { reload?(settings: ReloadableSettings): void },
  logger: DaemonLogger,
): DaemonConfig {
  let next: DaemonConfig;
  try {
    next = load();
  } catch (thrown) {
    logger.error({}, `configuration not reloaded, nothing changed: ${messageOf(thrown)}`);
    return current;
  }
  logger.setLevel(next.logLevel);
  engine.reload?.(reloadable(next));
  const waiting = needRestart(current, next);
  if (waiting.length > 0) {
    logger.warn({ settings: waiting }, "these settings take effect when the engine is started again");
  }
  const changed = RELOADABLE.filter((key) => !isDeepStrictEqual(current.engine[key], next.engine[key]));
  logger.info({ changed, logLevel: next.logLevel }, "configuration reloaded");
  return { ...current, engine: { ...current.engine, ...reloadable(next) }, logLevel: next.logLevel };
}
