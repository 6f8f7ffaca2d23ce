/** A tiny OCI bundle with the machine's static busybox, for tests of what runs containers. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MonitorRequest } from "../../src/container/process/monitor-types.ts";
import { codeOf } from "../../src/lib/errors.ts";
import { type ContainerID, type ExecID, newId } from "../../src/lib/ids.ts";
import { mount } from "../../src/linux/mount.ts";

export interface Command {
  readonly args: readonly string[];
  readonly terminal?: boolean;
  readonly openStdin?: boolean;
  readonly stdinOnce?: boolean;
  /** Bytes. */
  readonly memory?: number;
}

/**
 * Where the hybrid `unified` hierarchy was unmounted, crun makes plain directories in its place, on a tmpfs that
 * is the machine's: a tmpfs of our own takes them. For a private mount namespace.
 */
function coverUnified(): void {
  const place = "/sys/fs/cgroup/unified";
  if (existsSync(place) && !existsSync(join(place, "cgroup.controllers"))) {
    mount({ source: "none", target: place, type: "tmpfs" });
  }
}

/** A place for bundles, with an EXEC_ROOT and a cgroup of its own. */
export class Bundles {
  readonly root: string;
  readonly execRoot: string;
  readonly cgroup: string;

  constructor(parent = tmpdir()) {
    coverUnified();
    this.root = mkdtempSync(join(parent, "drawbridge-test-"));
    this.execRoot = join(this.root, "exec");
    this.cgroup = `/drawbridge-test-${process.pid}-${Date.now()}`;
    for (const directory of ["bin", "proc", "dev", "sys", "etc"]) {
      mkdirSync(join(this.root, "rootfs", directory), { recursive: true });
    }
    copyFileSync("/bin/busybox", join(this.root, "rootfs", "bin", "busybox"));
    mkdirSync(this.execRoot);
  }

  container(command: Command): MonitorRequest {
    const container = newId<ContainerID>();
    const bundle = join(this.root, container);
    const directory = join(this.execRoot, container);
    for (const path of [bundle, directory]) mkdirSync(path);
    writeFileSync(join(bundle, "config.json"), JSON.stringify(this.#spec(container, command)));
    return { container, bundle, directory, logPath: join(bundle, "log"), ...options(command) };
  }

  exec(owner: MonitorRequest, command: Command): MonitorRequest {
    const id = newId<ExecID>();
    const directory = join(this.execRoot, id);
    mkdirSync(directory);
    return {
      container: owner.container,
      bundle: owner.bundle,
      directory,
      exec: { id, process: processOf(command) },
      ...options(command),
    };
  }

  /** Cgroups below ours that are still there, by their paths. */
  cgroupsLeft(): string[] {
    return hierarchies().flatMap((hierarchy) => {
      const ours = join("/sys/fs/cgroup", hierarchy, this.cgroup);
      return list(ours).map((name) => join(ours, name));
    });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
    for (const hierarchy of hierarchies()) removeCgroup(join("/sys/fs/cgroup", hierarchy, this.cgroup));
  }

  #spec(container: ContainerID, command: Command): object {
    const namespaces = ["mount", "pid", "network", "ipc", "uts"].map((type) => ({ type }));
    const resources = command.memory ? { memory: { limit: command.memory } } : {};
    return {
      ociVersion: "1.0.2",
      process: processOf(command),
      root: { path: join(this.root, "rootfs") },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
        {
          destination: "/dev/pts",
          type: "devpts",
          source: "devpts",
          options: ["newinstance", "ptmxmode=0666"],
        },
      ],
      linux: { namespaces, resources, cgroupsPath: `${this.cgroup}/${container}` },
    };
  }
}

function options(command: Command): Pick<MonitorRequest, "terminal" | "openStdin" | "stdinOnce"> {
  const { terminal = false, openStdin = false, stdinOnce = false } = command;
  return { terminal, openStdin, stdinOnce };
}

const processOf = ({ args, terminal = false }: Command): object => ({
  terminal,
  user: { uid: 0, gid: 0 },
  args,
  env: ["PATH=/bin"],
  cwd: "/",
});

/** `sh -c` of busybox, whose applets need no links. */
export const sh = (script: string): readonly string[] => ["/bin/busybox", "sh", "-c", script];

/** Of version 1: one directory each. */
const hierarchies = (): string[] => readdirSync("/sys/fs/cgroup").filter((name) => name !== "unified");

/** Directories in a cgroup directory; none where it is gone. */
function list(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

function removeCgroup(path: string): void {
  for (const name of list(path)) removeCgroup(join(path, name));
  try {
    rmdirSync(path);
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw thrown;
  }
}
