/** The configuration file and the certificates, from disk. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Listener } from "../api/listen.ts";
import { codeOf, inContext } from "../lib/errors.ts";
import { type DaemonConfig, DEFAULT_CONFIG_FILE, readConfig } from "./config.ts";
import type { ConfigFile, DaemonFlags } from "./values.ts";

/** @throws where a file that was named can't be read; the default one may be missing */
function configFile(flags: DaemonFlags): ConfigFile | undefined {
  const named = flags.get("config-file")?.at(-1);
  const path = resolve(named ?? DEFAULT_CONFIG_FILE);
  try {
    return { path, text: readFileSync(path, "utf8") };
  } catch (thrown) {
    const missing = codeOf(thrown) === "ENOENT";
    if (missing && named === undefined) return undefined;
    throw new Error(`unable to configure the Drawbridge daemon with file ${path}: ${String(thrown)}`, {
      cause: thrown,
    });
  }
}

/** @throws ConfigError */
export const loadConfig = (flags: DaemonFlags): DaemonConfig => readConfig(flags, configFile(flags));

/** With the PEM files' texts in place of their paths. @throws for one that can't be read */
export function openListeners(config: DaemonConfig): readonly Listener[] {
  return config.listeners.map((where) => {
    if (where.kind === "unix") return where;
    const { kind, host, port, tls } = where;
    if (!tls) return { kind, host, port };
    const texts = { cert: pem("--tlscert", tls.cert), key: pem("--tlskey", tls.key) };
    if (!tls.ca) return { kind, host, port, tls: texts };
    return { kind, host, port, tls: { ...texts, clientCA: pem("--tlscacert", tls.ca) } };
  });
}

function pem(flag: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw inContext(`${flag} ${path}`, thrown);
  }
}
