import type { ExecView } from "../../container/types.ts";
import { parseDetachKeys } from "../../lib/detach-keys.ts";

/** Engine API, "Inspect an exec instance". */
export function execInspect(exec: ExecView) {
  const { request } = exec;
  const [entrypoint = "", ...args] = request.command;
  return {
    ID: exec.id,
    Running: exec.running,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: request.terminal,
      entrypoint,
      arguments: args,
      privileged: request.privileged,
      ...(request.user !== "" && { user: request.user }),
    },
    OpenStdin: request.stdin,
    OpenStderr: request.stderr,
    OpenStdout: request.stdout,
    CanRemove: false,
    ContainerID: exec.container,
    // The bytes that are typed, as Go writes bytes.
    DetachKeys: Buffer.from(request.detachKeys ? parseDetachKeys(request.detachKeys) : []).toString("base64"),
    Pid: exec.pid,
  };
}
