import { after, before } from "node:test";
import type { EngineOptions, EngineProcess } from "./engine-process.ts";
import { type HostOptions, ThrowawayHost } from "./host.ts";

/** There from the suite's `before` on. */
export interface HostWithEngine {
  readonly host: ThrowawayHost;
  readonly engine: EngineProcess;
}

/** Called in a `describe`: a host with an engine in it for all of its tests, gone after the last. */
export function hostWithEngine(options: HostOptions = {}, engineOptions: EngineOptions = {}): HostWithEngine {
  let host: ThrowawayHost | undefined;
  let engine: EngineProcess | undefined;
  before(async () => {
    host = await ThrowawayHost.create(options);
    engine = await host.startEngine(engineOptions);
  });
  after(async () => {
    await engine?.[Symbol.asyncDispose]();
    await host?.[Symbol.asyncDispose]();
  });
  const made = <T>(part: T | undefined): T => {
    if (!part) throw new Error("the suite has not begun");
    return part;
  };
  return {
    get host() {
      return made(host);
    },
    get engine() {
      return made(engine);
    },
  };
}
