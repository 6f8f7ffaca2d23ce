/** What an engine is told to give containers that ask for nothing else (dockerd: `--default-ulimit`, `--init` …). */
import { readFileSync } from "node:fs";
import { inContext } from "../lib/errors.ts";
import { grantedCapabilities } from "./spec/capabilities.ts";
import type { HostAbilities } from "./spec/host.ts";
import { customProfile } from "./spec/seccomp.ts";
import type { HostConfig } from "./types.ts";

export interface EngineDefaults {
  /** Each where a container has none of its name. */
  readonly ulimits?: HostConfig["Ulimits"];
  readonly init?: boolean;
  readonly ipcMode?: "private" | "shareable";
  readonly cgroupnsMode?: "private" | "host";
  readonly noNewPrivileges?: boolean;
  /** `unconfined`, or a profile's JSON; the built-in one where absent. */
  readonly seccomp?: string;
}

/**
 * `--seccomp-profile`, read and checked once.
 * @param profile a path, `unconfined`, or `builtin`
 * @returns undefined for the built-in one. @throws invalid for what is no profile; as readFile
 */
export function readSeccompDefault(
  profile: string | undefined,
  host: Pick<HostAbilities, "machine" | "kernel" | "capabilities">,
): string | undefined {
  if (!profile || profile === "builtin") return undefined;
  if (profile === "unconfined") return profile;
  try {
    const json = readFileSync(profile, "utf8");
    const capabilities = grantedCapabilities(
      { CapAdd: [], CapDrop: [], Privileged: false },
      host.capabilities,
    );
    customProfile(json, { ...host, capabilities });
    return json;
  } catch (thrown) {
    throw inContext(`opening seccomp profile (${profile}) failed`, thrown);
  }
}

type Asked = Partial<Pick<HostConfig, "Ulimits" | "SecurityOpt" | "Init" | "Privileged">>;

/** What of a host configuration they fill in. `IpcMode` and `CgroupnsMode` have defaults beside these. */
export function withEngineDefaults(
  asked: Asked,
  defaults: EngineDefaults,
): Pick<HostConfig, "Ulimits" | "SecurityOpt"> & { readonly Init?: boolean } {
  const own = asked.Ulimits ?? [];
  const named = new Set(own.map(({ Name }) => Name));
  const init = asked.Init ?? (defaults.init || undefined);
  return {
    Ulimits: [...own, ...(defaults.ulimits ?? []).filter(({ Name }) => !named.has(Name))],
    SecurityOpt: securityOf(asked, defaults),
    ...(init !== undefined && { Init: init }),
  };
}

/** Written as a container could have asked for it itself. No filter of the engine's holds a privileged one. */
function securityOf({ SecurityOpt = [], Privileged }: Asked, defaults: EngineDefaults): readonly string[] {
  const says = (key: string) => SecurityOpt.some((option) => option.split(/[=:]/, 1)[0] === key);
  return [
    ...SecurityOpt,
    ...(defaults.noNewPrivileges && !says("no-new-privileges") ? ["no-new-privileges"] : []),
    ...(defaults.seccomp !== undefined && !Privileged && !says("seccomp")
      ? [`seccomp=${defaults.seccomp}`]
      : []),
  ];
}
