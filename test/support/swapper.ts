/**
 * A program for hostile tests: exchanges `<directory>/d` with `<directory>/l` for as long as it lives, as a container's
 * process might. It says `ready` once it swaps.
 */
import { renameSync, rmSync, writeSync } from "node:fs";

const directory = process.argv[2] ?? "";
const [d, l, aside] = ["d", "l", "aside"].map((name) => `${directory}/${name}`) as [string, string, string];

/** Somebody may have made something of that name while there was none: it goes. */
function take(from: string, to: string): void {
  for (;;) {
    try {
      renameSync(from, to);
      return;
    } catch {
      remove(to);
    }
  }
}

/** As far as it goes: more may be put into it meanwhile. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ENOTEMPTY")) throw thrown;
  }
}

function swap(): void {
  renameSync(d, aside);
  take(l, d);
  renameSync(aside, l);
}

swap();
writeSync(1, "ready\n");
for (const end = Date.now() + 60_000; Date.now() < end; ) swap();
