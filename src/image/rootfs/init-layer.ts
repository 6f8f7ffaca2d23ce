/**
 * What lies below every image: the places where the engine and the runtime mount something. They show where an image
 * has nothing of that name, and nobody has to make them in a container's own layer, where they would count as
 * changes of the container.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";

const DIRECTORIES = ["dev/pts", "dev/shm", "proc", "sys", "etc"];
const FILES = [".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"];
const LINKS: Readonly<Record<string, string>> = { "etc/mtab": "/proc/mounts" };

/**
 * Files that a container has in its own layer where it was made before there was this one: made for something to be
 * mounted on, by the runtime. Without a slash before them.
 */
export const MOUNT_FILES: ReadonlySet<string> = new Set(FILES.filter((name) => name !== ".dockerenv"));

/** Made at `root`; what is there already is left. */
export function makeInitLayer(root: string): void {
  const directory = (path: string): void => {
    if (fs.existsSync(path)) return;
    directory(dirname(path));
    fs.mkdirSync(path);
    fs.chmodSync(path, 0o755); // whatever the umask
  };
  for (const name of ["", ...DIRECTORIES]) directory(join(root, name));
  for (const name of FILES) {
    const path = join(root, name);
    if (fs.existsSync(path)) continue;
    fs.writeFileSync(path, "");
    fs.chmodSync(path, 0o755);
  }
  for (const [name, target] of Object.entries(LINKS)) {
    const path = join(root, name);
    if (!fs.lstatSync(path, { throwIfNoEntry: false })) fs.symlinkSync(target, path);
  }
}
