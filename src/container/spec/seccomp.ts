/** Which system call filter a container gets (Docker API, SecurityOpt `seccomp=`). */
import { invalid } from "../../lib/errors.ts";
import { defaultProfile, type SeccompProfile } from "./seccomp-profile.ts";

/** Docker's own form of a profile: the OCI one, with `archMap` and with conditions on rules. */
interface CustomProfile {
  readonly defaultAction?: unknown;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[] | null;
  }[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly CustomRule[];
}

interface CustomRule {
  readonly name?: string;
  readonly names?: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly object[] | null;
  readonly includes?: Condition;
  readonly excludes?: Condition;
}

interface Condition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  readonly minKernel?: string;
}

/** What a profile's conditions are held against. */
export interface SeccompSubject {
  /** `uname -m`. */
  readonly machine: string;
  /** `uname -r`. */
  readonly kernel: string;
  readonly capabilities: readonly string[];
}

/** Go's names of machines, in which Docker's profiles speak, and the architecture that goes with them. */
const MACHINES: Readonly<Record<string, { go: string; architecture: string }>> = {
  x86_64: { go: "amd64", architecture: "SCMP_ARCH_X86_64" },
  aarch64: { go: "arm64", architecture: "SCMP_ARCH_AARCH64" },
};

const prebuilt = new Map<string, SeccompProfile>();

/** The default profile; it is the same object for the same subject, for it is asked for at each start. */
export function builtinProfile(subject: SeccompSubject): SeccompProfile {
  const key = `${subject.machine} ${subject.capabilities.join(" ")}`;
  let profile = prebuilt.get(key);
  if (!profile) {
    // One set of capabilities a deployment is the rule; a thousand different ones must not stay for ever.
    if (prebuilt.size >= 64) prebuilt.clear();
    profile = defaultProfile(subject.machine, subject.capabilities);
    prebuilt.set(key, profile);
  }
  return profile;
}

/** A profile that a user sent as JSON, its conditions decided. @throws invalid */
export function customProfile(json: string, subject: SeccompSubject): SeccompProfile {
  const profile = parse(json);
  if (typeof profile.defaultAction !== "string") throw invalid("seccomp profile: no defaultAction");
  if (profile.architectures?.length && profile.archMap?.length) {
    throw invalid(
      "seccomp profile: 'architectures' and 'archMap' were specified, use either one or the other",
    );
  }
  const machine = MACHINES[subject.machine];
  const mapped = profile.archMap?.find(({ architecture }) => architecture === machine?.architecture);
  const architectures = mapped
    ? [mapped.architecture, ...(mapped.subArchitectures ?? [])]
    : profile.architectures;
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures?.length && { architectures }),
    ...(profile.flags?.length && { flags: profile.flags }),
    syscalls: (profile.syscalls ?? []).filter((rule) => applies(rule, subject)).map(plain),
  };
}

function parse(json: string): CustomProfile {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (thrown) {
    throw invalid(`Decoding seccomp profile failed: ${String(thrown)}`, thrown);
  }
  throw invalid("Decoding seccomp profile failed: not a JSON object");
}

function applies(rule: CustomRule, subject: SeccompSubject): boolean {
  const { includes, excludes } = rule;
  const machine = MACHINES[subject.machine]?.go ?? subject.machine;
  if (excludes?.arches?.includes(machine)) return false;
  if (excludes?.caps?.some((name) => subject.capabilities.includes(name))) return false;
  if (excludes?.minKernel && !olderThan(subject.kernel, excludes.minKernel)) return false;
  if (includes?.arches?.length && !includes.arches.includes(machine)) return false;
  if (includes?.caps?.some((name) => !subject.capabilities.includes(name))) return false;
  return !(includes?.minKernel && olderThan(subject.kernel, includes.minKernel));
}

function olderThan(kernel: string, version: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

/** The rule as the OCI spec has it. @throws invalid */
function plain(rule: CustomRule): object {
  if (rule.name && rule.names?.length) {
    throw invalid("seccomp profile: 'name' and 'names' were specified, use either one or the other");
  }
  const names = rule.names ?? (rule.name ? [rule.name] : []);
  if (names.length === 0 || typeof rule.action !== "string") {
    throw invalid("seccomp profile: a rule without names or action");
  }
  return {
    names,
    action: rule.action,
    ...(rule.errnoRet !== undefined && { errnoRet: rule.errnoRet }),
    ...(rule.args?.length && { args: rule.args }),
  };
}
