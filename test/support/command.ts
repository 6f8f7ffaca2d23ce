/** Commands in a host, run by nsenter(1), with their output collected. */
import { spawn } from "node:child_process";
import { killChildrenOf } from "./processes.ts";

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  /** Added to the host's own environment, which has nothing of the test's but PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds, 30,000 unless told. The command is killed after that, and the call fails. */
  readonly timeout?: number;
  /** Fail when the command's exit code is not 0; true unless told. */
  readonly check?: boolean;
}

export interface CommandResult {
  /** 128 and the signal's number for one that a signal ended, as a shell tells it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws Error with all that the command said, where it could not be run, took too long, or failed under `check` */
export async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  options: CommandOptions & { readonly about: string },
): Promise<CommandResult> {
  const [command = "", ...args] = argv;
  const child = spawn(command, args, { env: { ...env, ...options.env }, stdio: "pipe" });
  const ended = Promise.withResolvers<number>();
  child.once("error", ended.reject);
  child.once("close", (code, signal) => ended.resolve(code ?? (signal === "SIGKILL" ? 137 : 255)));
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  // A command that ends without reading its input is no failure of ours.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");

  const limit = options.timeout ?? 30_000;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killChildrenOf(child.pid);
  }, limit);
  const code = await ended.promise.finally(() => clearTimeout(timer));
  const story = `${options.about}\n${output.stdout}${output.stderr}`.trimEnd();
  if (late) throw new Error(`no end after ${limit} ms: ${story}`);
  if (code !== 0 && options.check !== false) throw new Error(`exit code ${code}: ${story}`);
  return { code, ...output };
}
