/** A container in memory: its record, and what of it is alive. */
import type { ExecID } from "../lib/ids.ts";
import { Mutex } from "../lib/mutex.ts";
import type { HealthWatch } from "./health/health.ts";
import type { LogRotation } from "./logs/rotation.ts";
import type { Supervised } from "./process/monitor-types.ts";
import type { StreamSession } from "./streams/session.ts";
import type { Container, ExecRequest } from "./types.ts";
import { Waiters } from "./waiters.ts";

/** From a container's start until all of it is taken down. */
export interface Run {
  readonly supervised: Supervised;
  readonly bundle: string;
  /** Resolves when its end has been dealt with: state recorded, network and mounts gone. Never rejects. */
  readonly settled: Promise<void>;
}

export interface Exec {
  readonly id: ExecID;
  readonly request: ExecRequest;
  /** While it runs. */
  supervised?: Supervised;
  /** Once it has been started. */
  pid?: number;
  running: boolean;
  exitCode: number | null;
  /** Resolves once its process is there, or could not be started. */
  readonly begun: PromiseWithResolvers<void>;
  /** Milliseconds since 1970, once it has ended. */
  endedAt?: number;
}

export class Entry {
  container: Container;
  /** One change of state at a time. Nobody waits for a process's end while holding it. */
  readonly mutex = new Mutex();
  readonly waiters = new Waiters();
  readonly execs = new Map<ExecID, Exec>();
  /** Clients that wait for the next start. */
  readonly arrivals = new Set<StreamSession>();
  run: Run | undefined;
  /** While it runs, is not paused, and has a health check. */
  healthWatch: HealthWatch | undefined;
  /** While it runs, and has a log that is not to grow without end. */
  logRotation: LogRotation | undefined;
  /** The restart that is to come. */
  restart: NodeJS.Timeout | undefined;
  /** The delay before the present run, in milliseconds; 0 where a user started it. */
  restartDelay = 0;
  /** A user's restart is under way: its stop neither removes the container nor starts it by policy. */
  restarting = false;
  removing = false;
  /** What an earlier engine left is being brought to a state that is true: who is to start with the engine does so after. */
  settling = false;
  /** How many look at its files while it does not run: its root stays mounted for them. */
  views = 0;

  constructor(container: Container) {
    this.container = container;
  }

  /** Its process exists. */
  get active(): boolean {
    const { status } = this.container.state;
    return status === "running" || status === "paused";
  }
}
