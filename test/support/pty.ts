import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { killChildrenOf } from "./processes.ts";

/** A command at a terminal, driven as a person would: wait for what it shows, then type. */
export class Pty implements AsyncDisposable {
  /** Resolves with its exit code. */
  readonly exited: Promise<number>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #enter: (argv: readonly string[]) => readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #running = true;
  #output = "";
  #seen = 0;
  #device: string | undefined;

  /** `enter` gives the command line that runs its argument where it should run. */
  constructor(
    enter: (argv: readonly string[]) => readonly string[],
    env: Readonly<Record<string, string>>,
    argv: readonly string[],
  ) {
    this.#enter = enter;
    this.#env = env;
    // script(1): its own terminal; the first line names that, and is taken off the output.
    const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const shell = `stty rows 24 columns 80; tty; exec ${quoted}`;
    const line = [
      "setpriv",
      "--pdeathsig",
      "KILL",
      "script",
      "--quiet",
      "--return",
      "--command",
      shell,
      "/dev/null",
    ];
    const [command = "", ...args] = enter(line);
    this.#child = spawn(command, args, { env: { ...env, SHELL: "/bin/sh" }, stdio: "pipe" });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.exited = promise;
    this.#child.once("error", reject);
    this.#child.once("close", (code) => {
      this.#running = false;
      resolve(code ?? 137);
    });
    const hear = (text: string) => {
      this.#output += text;
      if (this.#device === undefined) {
        const end = this.#output.indexOf("\n");
        if (end < 0) return;
        this.#device = this.#output.slice(0, end).trim();
        this.#output = this.#output.slice(end + 1);
      }
    };
    this.#child.stdout.setEncoding("utf8").on("data", hear);
    this.#child.stderr.setEncoding("utf8").on("data", hear);
    // Typing at a command that has just ended is what people do.
    this.#child.stdin.on("error", () => {});
  }

  /** All that was shown so far. */
  get output(): string {
    return this.#output;
  }

  send(text: string): void {
    this.#child.stdin.write(text);
  }

  /**
   * Wait until `what` is shown, after what was waited for before. @returns the text up to its end
   * @throws Error with all that was shown, after `timeout` milliseconds or where the command ends without it
   */
  async waitFor(what: string | RegExp, timeout = 10_000): Promise<string> {
    const pattern = typeof what === "string" ? new RegExp(what.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")) : what;
    const deadline = Date.now() + timeout;
    for (;;) {
      const ended = !this.#running;
      const fresh = this.#output.slice(this.#seen);
      const found = pattern.exec(fresh);
      if (found) {
        const end = found.index + found[0].length;
        this.#seen += end;
        return fresh.slice(0, end);
      }
      const story = `${pattern} was not shown; shown was:\n${this.#output}`;
      if (ended) throw new Error(`the command has ended: ${story}`);
      if (Date.now() > deadline) throw new Error(`after ${timeout} ms: ${story}`);
      await sleep(5);
    }
  }

  /** Give the terminal another size; who runs at it is told by SIGWINCH. */
  async resize(columns: number, rows: number): Promise<void> {
    while (this.#device === undefined) await sleep(5);
    const stty = ["stty", "-F", this.#device, "rows", String(rows), "columns", String(columns)];
    const [command = "", ...args] = this.#enter(stty);
    const child = spawn(command, args, { env: this.#env, stdio: "ignore" });
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    child.once("error", reject);
    child.once("exit", resolve);
    const code = await promise;
    if (code !== 0) throw new Error(`stty: exit code ${code}`);
  }

  /** Hang up. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running) killChildrenOf(this.#child.pid);
    await this.exited;
  }
}
