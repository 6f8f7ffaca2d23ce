import { readFileSync } from "node:fs";
import type { Supervisor } from "../container/monitor-types.ts";
import { cgroupVersion, hostFacts } from "../linux/host.ts";
import type { EngineSettings } from "./settings.ts";
import type { SystemView } from "./types.ts";

/** What `systemView` tells of parts that are fixed while the engine runs. */
export interface SystemParts {
  readonly id: string;
  readonly startedAt: string;
  readonly settings: EngineSettings;
  readonly cgroupDriver: "cgroupfs" | "systemd";
  readonly supervisor: Pick<Supervisor, "runtime" | "monitorVersion">;
  readonly storageDriver: string;
}

/** The engine and its machine as `docker info` shows them; what can change is read anew each time. */
export function systemView(parts: SystemParts): SystemView {
  const { settings, supervisor } = parts;
  const ipForwarding = readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim() === "1";
  return {
    ...hostFacts(),
    id: parts.id,
    version: settings.version,
    dataRoot: settings.dataRoot,
    execRoot: settings.execRoot,
    labels: settings.labels,
    cgroupVersion: cgroupVersion(),
    cgroupDriver: parts.cgroupDriver,
    storageDriver: parts.storageDriver,
    runtime: supervisor.runtime,
    monitorVersion: supervisor.monitorVersion,
    liveRestore: settings.liveRestore,
    ipForwarding,
    warnings: ipForwarding ? [] : ["IPv4 forwarding is disabled: containers reach nothing outside this host"],
    startedAt: parts.startedAt,
  };
}
