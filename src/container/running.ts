import { statOf } from "../linux/process.ts";
import type { Store } from "../store/kv.ts";
import { readContainers } from "./record.ts";

/** Names of containers whose processes are alive, told from the store alone: for use without an engine. */
export async function runningContainers(store: Store): Promise<readonly string[]> {
  return (await readContainers(store)).flatMap(({ name, monitor }) => {
    if (!monitor) return [];
    const { pid, startTime } = monitor.process;
    return statOf(pid)?.startTime === startTime ? [name] : [];
  });
}
