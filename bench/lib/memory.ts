/** Memory by the proportional set size: what is shared counts in parts. proc(5), smaps_rollup. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Of one process, in kilobytes. */
export function pss(pid: number | string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}

export interface ProcessMemory {
  readonly command: string;
  readonly kilobytes: number;
}

/** Of all processes in the PID namespace of `init` whose command is one of `commands`. */
export function memoryOf(init: number, commands: readonly string[]): readonly ProcessMemory[] {
  const namespace = readlinkSync(`/proc/${init}/ns/pid`);
  return readdirSync("/proc").flatMap((pid): ProcessMemory[] => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (readlinkSync(`/proc/${pid}/ns/pid`) !== namespace) return [];
      const command = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
      return commands.includes(command) ? [{ command, kilobytes: pss(pid) }] : [];
    } catch {
      return []; // it has ended since the directory was read
    }
  });
}

export const total = (processes: readonly ProcessMemory[]): number =>
  processes.reduce((sum, { kilobytes }) => sum + kilobytes, 0);
