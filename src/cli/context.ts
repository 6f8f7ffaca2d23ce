/** What a verb works with: the engine, and where it prints. */
import { type EngineClient, lazyClient } from "./engine-client.ts";
import { chooseHost } from "./host.ts";

export interface Context {
  readonly client: EngineClient;
  /** `unix:///run/drawbridge.sock`. */
  readonly host: string;
  out(text: string): void;
  err(text: string): void;
}

/** @param flag `-H` before the verb */
export function contextFor(flag: string | undefined): Context {
  const host = chooseHost(flag, process.env);
  return {
    host,
    client: lazyClient(host),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  };
}
