/** Clients that are npm packages: a script of their documented use, run with Node beside the engine. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { HostedEngine } from "../engines.ts";
import type { Outcome } from "./clients.ts";

/** @param name of the package, and of the script beside this file */
export async function script(
  { host, socket }: HostedEngine,
  name: string,
  directory: string | undefined,
): Promise<Outcome> {
  const home = directory === undefined ? undefined : join(directory, "node_modules", name, "package.json");
  if (home === undefined || !existsSync(home)) {
    return { kind: "absent", why: `npm install ${name} in a directory, and name it with --clients` };
  }
  const result = await host.run(
    "env",
    [
      `DOCKER_HOST=unix://${socket}`,
      "TESTCONTAINERS_RYUK_DISABLED=true",
      process.execPath,
      join(import.meta.dirname, `use-${name}.ts`),
      home,
    ],
    { check: false },
  );
  return result.code === 0 ? { kind: "works" } : { kind: "fails", why: result.stderr || result.stdout };
}
