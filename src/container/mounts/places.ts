/**
 * `EXEC_ROOT/mounts/<random>`: sources of binds that a path can't name well enough, mounted there while the runtime makes a
 * container. What lies below leads into people's data, so nothing in there is ever removed recursively.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { randomHex } from "../../lib/ids.ts";
import { bindMount, mountsUnder, unmount } from "../../linux/mount.ts";

/** Unmounted, and gone, when it is disposed of. */
export interface Place extends Disposable {
  readonly path: string;
}

const placesOf = (execRoot: string): string => join(execRoot, "mounts");

/** Show a file or a directory there, with what is mounted below it or alone. @throws KernelError */
export function mountPlace(
  execRoot: string,
  source: string,
  options: { readonly recursive: boolean },
): Place {
  const places = placesOf(execRoot);
  mkdirSync(places, { recursive: true, mode: 0o700 });
  const path = join(places, randomHex(16));
  const isDirectory = statSync(source).isDirectory();
  if (isDirectory) mkdirSync(path);
  else writeFileSync(path, "", { flag: "wx" });
  const remove = () => (isDirectory ? rmdirSync(path) : unlinkSync(path));
  try {
    bindMount(source, path, options);
  } catch (thrown) {
    remove();
    throw thrown;
  }
  return {
    path,
    [Symbol.dispose]: () => {
      unmount(path, { lazy: true });
      remove();
    },
  };
}

/** What an engine left that died meanwhile. */
export function clearPlaces(execRoot: string): void {
  const places = placesOf(execRoot);
  if (!existsSync(places)) return;
  // As the kernel's table of mounts has it.
  for (const { target } of mountsUnder(realpathSync(places))) unmount(target, { lazy: true });
  for (const entry of readdirSync(places, { withFileTypes: true })) {
    const path = join(places, entry.name);
    if (entry.isDirectory()) rmdirSync(path);
    else unlinkSync(path);
  }
}
