/** This terminal handed over to a process that has one of its own: each byte goes through as it is, both ways. */
import { spawnSync } from "node:child_process";

/** Standard input's terminal goes raw. @returns what gives it back as it was */
export function rawTerminal(): () => void {
  process.stdin.setRawMode(true);
  // Raw mode here leaves ONLCR on (termios(3)): a full-screen program that moves down by a newline would find itself
  // in the first column.
  spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
  return () => void process.stdin.setRawMode(false);
}
