/**
 * A container's files as the container has them: one descriptor of its root, below which its volumes, binds and
 * (while it runs) tmpfs are mounted. Nothing is looked up but from that descriptor (linux/openat2.ts), so that no link
 * and no renaming leads out of it.
 */
import { closeSync, statfsSync, statSync } from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { raise } from "../../linux/high-descriptor.ts";
import { openInRoot, openPath, pathOf } from "../../linux/openat2.ts";
import { statOf } from "../../linux/process.ts";
import type { Entry } from "../entry.ts";
import type { Context } from "../options.ts";
import type { Container } from "../types.ts";
import { assemble } from "./assemble.ts";
import { withStoppedMounts } from "./stopped-mounts.ts";

export interface View {
  /** A descriptor as by O_PATH. */
  readonly root: number;
  /** Whether a directory is shown without what is in it: file systems of the kernel's own, and a container's /dev. */
  isClosed(descriptor: number): boolean;
  /** Close it. Twice is no failure. */
  close(): Promise<void>;
}

/** statfs(2): proc, sysfs, cgroup, cgroup2, devpts, mqueue, debugfs, tracefs, securityfs, configfs, bpf, nsfs. */
const KERNELS: ReadonlySet<number> = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202, 0x64626720, 0x74726163, 0x73636673,
  0x62656570, 0xcafe4a11, 0x6e736673,
]);
const TMPFS = 0x01021994;

/** Whether the kernel makes up what is at `descriptor`: there is nothing to copy, and writing means something else. */
export const isKernels = (descriptor: number): boolean => KERNELS.has(statfsSync(pathOf(descriptor)).type);

/** @throws KernelError; what the image room says of a root that can't be mounted */
export async function openView(context: Context, entry: Entry): Promise<View> {
  return openRunning(entry.container) ?? (await openStopped(context, entry));
}

/** The root of its process, which is held by the descriptor whatever becomes of the process. */
function openRunning(container: Container): View | undefined {
  const process = container.monitor?.process;
  if (!process || !["running", "paused"].includes(container.state.status)) return undefined;
  let descriptor: number;
  try {
    descriptor = raise(openPath(`/proc/${process.pid}/root`));
  } catch (thrown) {
    if (["ENOENT", "ESRCH"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
  // Only now: the pid may have become somebody else's before it was opened.
  const now = statOf(process.pid);
  if (now?.startTime !== process.startTime || now.state === "Z") {
    closeSync(descriptor);
    return undefined;
  }
  return viewOf(descriptor, container, async () => {});
}

/** Its root filesystem, mounted for as long as it is looked at, with a copy of its mounts that nobody else sees. */
async function openStopped(context: Context, entry: Entry): Promise<View> {
  const { container } = entry;
  const { images } = context;
  return entry.mutex.run(async () => {
    // It was started while we waited.
    const running = openRunning(container);
    if (running) return running;
    const { path } = await images.mount(container.id);
    entry.views += 1;
    const release = () =>
      entry.mutex.run(async () => {
        entry.views -= 1;
        if (entry.views === 0 && !entry.active && context.registry.get(container.id) === entry) {
          await images.unmount(container.id);
        }
      });
    try {
      const root = await withStoppedMounts(context, container, (mounts) =>
        assemble(context.execRoot, path, mounts),
      );
      return viewOf(raise(root), container, release);
    } catch (thrown) {
      entry.views -= 1;
      if (entry.views === 0) await images.unmount(container.id);
      throw thrown;
    }
  });
}

function viewOf(root: number, container: Container, release: () => Promise<void>): View {
  const device = deviceDirectory(root, container);
  let open = true;
  return {
    root,
    isClosed(descriptor) {
      const { dev, ino } = statSync(pathOf(descriptor));
      return `${dev}:${ino}` === device || isKernels(descriptor);
    },
    async close() {
      if (!open) return;
      open = false;
      closeSync(root);
      await release();
    },
  };
}

/** The runtime's own /dev: its nodes belong to the run, not to the container's files. */
function deviceDirectory(root: number, { mounts }: Container): string | undefined {
  if (mounts.some(({ Destination }) => Destination === "/dev")) return undefined;
  let descriptor: number;
  try {
    descriptor = openInRoot(root, "/dev", { directory: true });
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
  try {
    const { dev, ino } = statSync(pathOf(descriptor));
    const own = statfsSync(pathOf(descriptor)).type === TMPFS && dev !== statSync(pathOf(root)).dev;
    return own ? `${dev}:${ino}` : undefined;
  } finally {
    closeSync(descriptor);
  }
}
