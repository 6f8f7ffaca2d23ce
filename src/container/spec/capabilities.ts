/** Which capabilities a container has (capabilities(7); Docker API, CapAdd and CapDrop). */
import { invalid } from "../../lib/errors.ts";

/** In the order of their numbers (linux/capability.h). */
export const ALL_CAPABILITIES: readonly string[] = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE " +
  "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT " +
  "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE " +
  "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ " +
  "PERFMON BPF CHECKPOINT_RESTORE"
)
  .split(" ")
  .map((name) => `CAP_${name}`);

/** What Docker gives a container that asks for nothing. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** The capabilities whose bits are set, as `CapEff` of /proc/<pid>/status writes them. */
export function capabilitiesOfMask(hex: string): readonly string[] {
  const mask = BigInt(`0x${hex}`);
  return ALL_CAPABILITIES.filter((_, number) => (mask >> BigInt(number)) & 1n);
}

/** `net_admin`, `NET_ADMIN`, `CAP_NET_ADMIN` and `ALL`, as Docker takes them. @throws invalid in its words */
function normalize(field: "CapAdd" | "CapDrop", names: readonly string[]): readonly string[] {
  return names.map((name) => {
    const upper = name.toUpperCase();
    if (upper === "ALL") return upper;
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (!ALL_CAPABILITIES.includes(full)) throw invalid(`invalid ${field}: unknown capability: "${full}"`);
    return full;
  });
}

export interface CapabilityRequest {
  readonly CapAdd: readonly string[];
  readonly CapDrop: readonly string[];
  readonly Privileged: boolean;
}

/**
 * The container's capabilities. `held` are the engine's own: none beyond them can be given, so `ALL` and
 * privileged mean all of these, and one that is asked for by name must be among them.
 * @throws invalid
 */
export function grantedCapabilities(request: CapabilityRequest, held: readonly string[]): readonly string[] {
  const add = normalize("CapAdd", request.CapAdd);
  const drop = normalize("CapDrop", request.CapDrop);
  if (request.Privileged) return held;
  const missing = add.find((name) => name !== "ALL" && !held.includes(name));
  if (missing !== undefined) {
    throw invalid(
      `invalid CapAdd: capability not supported by your kernel or not available in the current environment: "${missing}"`,
    );
  }
  const base = drop.includes("ALL") ? [] : add.includes("ALL") ? held : DEFAULT_CAPABILITIES;
  // With `--cap-drop ALL --cap-add ALL` the addition wins, as with Docker.
  const added = add.includes("ALL") ? held.filter((name) => !drop.includes(name)) : add;
  const kept = base.filter((name) => !drop.includes(name) && held.includes(name));
  return [...new Set([...kept, ...added])];
}
