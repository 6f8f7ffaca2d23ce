/**
 * Seccomp filters that the runtime has compiled. libseccomp needs some ten milliseconds for our profile, at
 * each start the same; crun leaves its result in the container's state, and takes it from an annotation
 * instead of compiling (crun(1), `run.oci.seccomp_bpf_data`). runc knows nothing of it and reads the profile.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import type { SeccompProfile } from "./seccomp-profile.ts";

const ANNOTATION = "run.oci.seccomp_bpf_data";

/** `struct sock_filter` (linux/filter.h): a program is so many of them. */
const INSTRUCTION_SIZE = 8;

export class CompiledFilters {
  /** `EXEC_ROOT/runtime`, where the runtime keeps a directory for each container. */
  readonly #states: string;
  /** By the profile itself, which is one object for all containers with the same capabilities. */
  readonly #compiled = new WeakMap<SeccompProfile, string>();

  constructor(execRoot: string) {
    this.#states = join(execRoot, "runtime");
  }

  /** For the spec's annotations; empty where this profile has not been compiled yet. */
  annotation(profile: SeccompProfile | undefined): Readonly<Record<string, string>> {
    const filter = profile && this.#compiled.get(profile);
    return filter === undefined ? {} : { [ANNOTATION]: filter };
  }

  /** Remember what the runtime made of this container's profile, where it tells. */
  learn(profile: SeccompProfile | undefined, container: ContainerID): void {
    if (!profile || this.#compiled.has(profile)) return;
    const program = readIfThere(join(this.#states, container, "seccomp.bpf"));
    if (!program || program.length === 0 || program.length % INSTRUCTION_SIZE !== 0) return;
    this.#compiled.set(profile, program.toString("base64"));
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
