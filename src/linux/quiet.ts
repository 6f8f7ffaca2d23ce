/** Libraries that write to standard error of their own accord. */
import { closeSync, openSync } from "node:fs";
import { check, declare } from "./ffi.ts";

const sys = {
  dup: declare("int dup(int fd)"),
  dup2: declare("int dup2(int from, int to)"),
};

const STDERR = 2;

/**
 * Run `work`, which gives no promise, with what it writes to standard error thrown away: libxtables, asked for a table of the
 * second of IP's families, says there of each target that it does not find it. What another thread writes meanwhile is lost too.
 * @throws KernelError, and whatever `work` throws
 */
export function quietly<T>(work: () => T): T {
  const kept = check("keep standard error", sys.dup(STDERR));
  try {
    const nowhere = openSync("/dev/null", "w");
    try {
      check("turn standard error away", sys.dup2(nowhere, STDERR));
      return work();
    } finally {
      sys.dup2(kept, STDERR);
      closeSync(nowhere);
    }
  } finally {
    closeSync(kept);
  }
}
