/** The configuration file and the package's own version, from disk. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type DaemonConfig, DEFAULT_CONFIG_FILE, readConfig } from "./config.ts";
import type { ConfigFile, DaemonFlags } from "./values.ts";

/** @throws where a file that was named can't be read; the default one may be missing */
function configFile(flags: DaemonFlags): ConfigFile | undefined {
  const named = flags.get("config-file")?.at(-1);
  const path = resolve(named ?? DEFAULT_CONFIG_FILE);
  try {
    return { path, text: readFileSync(path, "utf8") };
  } catch (thrown) {
    const missing = thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
    if (missing && named === undefined) return undefined;
    throw new Error(`unable to configure the Drawbridge daemon with file ${path}: ${String(thrown)}`, {
      cause: thrown,
    });
  }
}

/** @throws ConfigError */
export const loadConfig = (flags: DaemonFlags): DaemonConfig => readConfig(flags, configFile(flags));

/** From package.json, which lies two up, run from source or as published. */
export function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
