/** Real clients at their usual work with this engine. */
import type { HostedEngine } from "../engines.ts";
import { compose } from "./compose.ts";
import { script } from "./script.ts";

/** How it went. */
export type Outcome =
  | { readonly kind: "works" }
  | { readonly kind: "absent" | "fails"; readonly why: string };

export interface ClientReport {
  readonly name: string;
  readonly outcome: Outcome;
}

/** @param directory holds node_modules with the clients that are npm packages */
export async function runClients(
  engine: HostedEngine,
  directory: string | undefined,
): Promise<readonly ClientReport[]> {
  return [
    { name: "docker-compose", outcome: await compose(engine) },
    { name: "dockerode", outcome: await script(engine, "dockerode", directory) },
    { name: "testcontainers", outcome: await script(engine, "testcontainers", directory) },
  ];
}
