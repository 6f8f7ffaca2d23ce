/** What the engine stands on, looked for before anything is touched, and told all at once. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../lib/programs.ts";

/** How a machine is looked at. */
export interface Machine {
  hasProgram(name: string): boolean;
  hasLibrary(name: string): boolean;
  exists(path: string): boolean;
  /** Contents, or nothing where it can't be read. */
  read(path: string): string;
}

interface Part {
  readonly name: string;
  /** Debian's package that brings it. */
  readonly install: string;
  isThere(machine: Machine): boolean;
}

const PARTS: readonly Part[] = [
  {
    name: "an OCI runtime (crun or runc)",
    install: "crun",
    isThere: (machine) => machine.hasProgram("crun") || machine.hasProgram("runc"),
  },
  {
    name: "conmon, which watches over containers",
    install: "conmon",
    isThere: (machine) => machine.hasProgram("conmon"),
  },
  {
    name: "libnftables.so.1, which sets firewall rules",
    install: "libnftables1",
    isThere: (machine) => machine.hasLibrary("libnftables.so.1"),
  },
];

const KERNEL: readonly { readonly name: string; isThere(machine: Machine): boolean }[] = [
  ...(["net", "mnt", "pid", "ipc", "uts"] as const).map((kind) => ({
    name: `${kind} namespaces`,
    isThere: (machine: Machine) => machine.exists(`/proc/self/ns/${kind}`),
  })),
  { name: "control groups", isThere: (machine) => /\bcgroup2?$/m.test(machine.read("/proc/filesystems")) },
];

/** A sentence each for what is missing; empty where all is there. */
export function missingParts(machine: Machine): readonly string[] {
  const parts = PARTS.filter((part) => !part.isThere(machine));
  const kernel = KERNEL.filter((feature) => !feature.isThere(machine));
  const sentences: string[] = [];
  if (parts.length > 0) {
    sentences.push(
      `missing on this machine: ${parts.map((part) => part.name).join("; ")}. ` +
        `On Debian and Ubuntu: sudo apt-get install -y ${parts.map((part) => part.install).join(" ")}`,
    );
  }
  if (kernel.length > 0) {
    sentences.push(`this kernel is built without ${kernel.map((feature) => feature.name).join(", ")}`);
  }
  return sentences;
}

/** Where ld.so(8) looks by default, and Debian's multiarch directories. */
function libraryDirectories(): string[] {
  const roots = ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"];
  const multiarch = ["/lib", "/usr/lib"].flatMap((root) =>
    existsSync(root)
      ? readdirSync(root)
          .filter((name) => name.includes("-linux-"))
          .map((name) => join(root, name))
      : [],
  );
  const named = (process.env.LD_LIBRARY_PATH ?? "").split(":").filter(Boolean);
  return [...named, ...roots, ...multiarch];
}

export const thisMachine: Machine = {
  hasProgram: (name) => findProgram(name) !== undefined,
  hasLibrary: (name) => libraryDirectories().some((directory) => existsSync(join(directory, name))),
  exists: existsSync,
  read(path) {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  },
};
