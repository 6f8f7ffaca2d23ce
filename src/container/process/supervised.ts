/** One process under a monitor. */
import { join } from "node:path";
import { conflict } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import { KernelError } from "../../linux/ffi.ts";
import { FifoWriter } from "../../linux/fifo.ts";
import { Pidfd } from "../../linux/pidfd.ts";
import { statOf } from "../../linux/process.ts";
import type { Reactor } from "../../linux/reactor.ts";
import type { Streams } from "../streams/streams.ts";
import { Window } from "../streams/window.ts";
import { readExit, unknownExit } from "./exit.ts";
import { socketsOf } from "./monitor.ts";
import type {
  Attachment,
  AttachOptions,
  ExitStatus,
  MonitorRecord,
  MonitorRequest,
  ProcessIdentity,
  Supervised,
} from "./monitor-types.ts";
import { SIGKILL } from "./signals.ts";

/** Of a process that was gone before it could be asked: no process has it. */
const NO_START_TIME = "0";

/**
 * The process of this pid, if its parent is the one that is expected. A monitored process is its monitor's
 * child, so one with a recycled pid is told from it even if it was never seen before.
 */
export function identify(pid: number, parent?: number): ProcessIdentity {
  const stat = statOf(pid);
  const known = stat && (parent === undefined || stat.parent === parent);
  return { pid, startTime: known ? stat.startTime : NO_START_TIME };
}

export class MonitoredProcess implements Supervised {
  readonly record: MonitorRecord;
  readonly exited: Promise<ExitStatus>;
  readonly #request: MonitorRequest;
  readonly #reactor: Reactor;
  readonly #streams: Streams | undefined;
  readonly #monitor: Pidfd | undefined;
  readonly #process: Pidfd | undefined;
  readonly #window: Window;
  readonly #release: (() => void)[] = [];
  #hasExited = false;

  /** @param streams absent where the monitor has gone */
  constructor(
    request: MonitorRequest,
    record: MonitorRecord,
    reactor: Reactor,
    streams: Streams | undefined,
    onEnd: (ended: MonitoredProcess) => void,
  ) {
    this.#request = request;
    this.record = record;
    this.#reactor = reactor;
    this.#streams = streams;
    this.#monitor = Pidfd.open(record.monitor.pid, record.monitor.startTime);
    this.#process = Pidfd.open(record.process.pid, record.process.startTime);
    this.#window = new Window(join(socketsOf(request), "winsz"));
    this.exited = this.#untilExit().then((status) => {
      this.#hasExited = true;
      this.close();
      onEnd(this);
      return status;
    });
  }

  /** Whether it is the container's own process, no exec. */
  isMainOf(container: ContainerID): boolean {
    return this.#request.container === container && !this.#request.exec;
  }

  /** Its monitor may not have told yet how. */
  get hasEnded(): boolean {
    return this.#hasExited || (this.#process?.ended ?? true);
  }

  attach(options: AttachOptions): Attachment {
    return this.#streams?.attach(options) ?? nothingToAttach();
  }

  async resize(size: { readonly columns: number; readonly rows: number }): Promise<void> {
    const ended = () => this.#hasExited || (this.#monitor?.ended ?? true);
    if (ended()) throw conflict("the process has ended");
    if (!this.#request.terminal) return; // clients tell their window's size unasked
    await this.#window.resize(size, ended);
  }

  onOutput(listener: (() => void) | undefined): void {
    this.#streams?.onOutput(listener);
  }

  reopenLog(): boolean {
    if (this.#hasExited || (this.#monitor?.ended ?? true)) return false;
    return reopenLog(join(socketsOf(this.#request), "ctl"));
  }

  signal(number: number): boolean {
    if (number === SIGKILL) this.#streams?.hurry();
    return !this.#hasExited && (this.#process?.signal(number) ?? false);
  }

  /** Let go of it; it goes on. `exited` is then never told. */
  close(): void {
    for (const release of this.#release.splice(0)) release();
    this.#streams?.close();
    this.#monitor?.close();
    this.#process?.close();
  }

  /**
   * conmon writes the exit file when it has passed on all output, and ends. Where it was killed, the process
   * goes on without it, or not: nobody will ever know its code.
   */
  async #untilExit(): Promise<ExitStatus> {
    await Promise.all([this.#ended(this.#monitor), this.#streams?.ended]);
    const status = readExit(this.record.directory);
    if (status) return status;
    await this.#ended(this.#process);
    return unknownExit();
  }

  #ended(process: Pidfd | undefined): Promise<void> {
    if (!process) return Promise.resolve();
    return new Promise((resolve) => {
      const watch = this.#reactor.watch(process.fd, { readable: true, writable: false }, () => {
        watch.close();
        resolve();
      });
      this.#release.push(() => watch.close());
    });
  }
}

/** conmon's `REOPEN_LOGS_EVENT` (src/ctrl.c): three numbers, of which the last two mean nothing here. */
function reopenLog(path: string): boolean {
  try {
    const control = new FifoWriter(path);
    try {
      control.write("2 0 0\n");
    } finally {
      control.close();
    }
    return true;
  } catch (thrown) {
    // Nobody reads it any more, it was never there, or conmon is far behind.
    if (thrown instanceof KernelError && ["ENXIO", "ENOENT", "EAGAIN"].includes(thrown.code)) return false;
    throw thrown;
  }
}

/** To a process without a monitor: at its end already. */
const nothingToAttach = (): Attachment => ({
  output: (async function* () {})(),
  write: async () => {},
  endInput: async () => {},
  close: () => {},
});
