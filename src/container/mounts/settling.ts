/**
 * What is mounted in a container, settled at its creation. Docker's order: the volumes of other containers, binds over
 * them, mounts in their long form, and anonymous volumes where nothing is mounted yet. Pure but for the facts given.
 */
import { posix } from "node:path";
import { invalid, messageOf } from "../../lib/errors.ts";
import type { VolumeRequest } from "../../volume/types.ts";
import type { HostConfig, MountPoint, MountRequest } from "../types.ts";
import { parseBind, parseVolumesFrom } from "./binds.ts";
import { refusalInProc } from "./mounts.ts";
import { checkMount, checkText } from "./request.ts";
import { tmpfsOptions, tmpfsText } from "./tmpfs.ts";
import { cleanPath } from "./words.ts";

export interface SettlingInput {
  readonly hostConfig: Pick<HostConfig, "Binds" | "Mounts" | "VolumesFrom" | "VolumeDriver" | "Tmpfs">;
  /** Of the image and of the request. */
  readonly volumes: readonly string[];
  readonly readonlyNonRecursive: boolean;
  /** Containers hold no mounts below it that the engine then could not unmount. */
  readonly dataRoot: string;
  /** @throws not-found */
  readonly mountsOf: (container: string) => readonly MountPoint[];
  /** On the host. */
  readonly exists: (path: string) => boolean;
}

/** A mount to be; a volume is known once it is made. */
export interface Draft {
  readonly point: MountPoint;
  readonly volume?: VolumeRequest;
}

/** In the order of their destinations. @throws invalid, not-built-in in Docker's words */
export function settleMounts(input: SettlingInput): readonly Draft[] {
  const { hostConfig } = input;
  const drafts = new Map<string, Draft>();
  for (const text of hostConfig.VolumesFrom) {
    for (const draft of draftsFrom(text, input)) drafts.set(draft.point.Destination, draft);
  }
  const tmpfs = new Set(Object.keys(hostConfig.Tmpfs).map(cleanPath));
  const asked = new Set<string>();
  for (const draft of [...bindDrafts(input), ...mountDrafts(input)]) {
    const { Destination } = draft.point;
    if (asked.has(Destination) || tmpfs.has(Destination)) {
      throw invalid(`Duplicate mount point: ${Destination}`);
    }
    asked.add(Destination);
    drafts.set(Destination, draft);
  }
  for (const path of input.volumes) {
    checkText(path);
    const destination = cleanPath(posix.join("/", path));
    if (destination === "/") throw invalid("invalid specification: destination can't be '/'");
    if (drafts.has(destination) || tmpfs.has(destination)) continue;
    drafts.set(destination, anonymousDraft(destination, hostConfig.VolumeDriver));
  }
  for (const { point } of drafts.values()) checkOutsideProc(point.Destination, point.Source);
  for (const destination of tmpfs) checkOutsideProc(destination, "");
  return [...drafts.values()].toSorted((a, b) => (a.point.Destination < b.point.Destination ? -1 : 1));
}

/** No runtime would start it: that is told before anything is made. @throws invalid in runc's words */
function checkOutsideProc(destination: string, source: string): void {
  const refusal = refusalInProc({ destination, source });
  if (refusal !== undefined) throw invalid(refusal);
}

/** As in the other container, but for what is read-only here; nothing is copied into them. */
function draftsFrom(text: string, { mountsOf }: SettlingInput): readonly Draft[] {
  const { container, readonly } = parseVolumesFrom(text);
  return otherMounts(container, mountsOf).map((point) => ({
    point: { ...point, Mode: "", RW: point.RW && !readonly, plan: { ...point.plan, copyUp: false } },
  }));
}

function otherMounts(container: string, mountsOf: SettlingInput["mountsOf"]): readonly MountPoint[] {
  try {
    return mountsOf(container);
  } catch (thrown) {
    // The request names one that is not there: that is the request's own fault.
    throw invalid(messageOf(thrown), thrown);
  }
}

const bindDrafts = (input: SettlingInput): readonly Draft[] =>
  input.hostConfig.Binds.map((text) => {
    const { request, mode } = parseBind(text, input.hostConfig.VolumeDriver);
    return draftOf(request, input, { mode, specified: false });
  });

const mountDrafts = (input: SettlingInput): readonly Draft[] =>
  input.hostConfig.Mounts.map((request) => {
    checkMount(request);
    const missing = request.Type === "bind" && !request.BindOptions?.CreateMountpoint;
    if (missing && !input.exists(request.Source ?? "")) {
      throw invalid(
        `invalid mount config for type "bind": bind source path does not exist: ${request.Source}`,
      );
    }
    return draftOf(request, input, { mode: "", specified: true });
  });

interface Written {
  readonly mode: string;
  /** In the long form. */
  readonly specified: boolean;
}

function draftOf(request: MountRequest, input: SettlingInput, written: Written): Draft {
  const shared = {
    Destination: cleanPath(request.Target),
    Mode: written.mode,
    RW: !request.ReadOnly,
    Propagation: "",
  };
  const plan = { recursive: true, copyUp: false, makeSource: false, specified: written.specified };
  switch (request.Type) {
    case "bind":
      return bindDraft(request, input, written, shared);
    case "volume":
      return volumeDraft(request, written, shared);
    default:
      return {
        point: {
          Type: "tmpfs",
          Source: "",
          ...shared,
          plan: { ...plan, options: tmpfsOptions(tmpfsText(request)) },
        },
      };
  }
}

type Shared = Pick<MountPoint, "Destination" | "Mode" | "RW" | "Propagation">;

function bindDraft(request: MountRequest, input: SettlingInput, written: Written, shared: Shared): Draft {
  const options = request.BindOptions ?? {};
  const Source = cleanPath(request.Source ?? "");
  const nonRecursive = options.ReadOnlyNonRecursive || input.readonlyNonRecursive;
  checkReadonly(request, nonRecursive && request.ReadOnly === true);
  return {
    point: {
      Type: "bind",
      Source,
      ...shared,
      Propagation: propagationOf(Source, options.Propagation, input.dataRoot),
      plan: {
        recursive: !options.NonRecursive,
        copyUp: false,
        makeSource: !written.specified || options.CreateMountpoint === true,
        specified: written.specified,
        readonlyRecursive: !nonRecursive,
        ...(options.ReadOnlyForceRecursive && { forceReadonlyRecursive: true }),
      },
    },
  };
}

/** @throws invalid in Docker's words */
function checkReadonly({ BindOptions, ReadOnly }: MountRequest, nonRecursive: boolean): void {
  if (!ReadOnly && BindOptions?.ReadOnlyNonRecursive) {
    throw invalid("mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive");
  }
  if (!BindOptions?.ReadOnlyForceRecursive) return;
  if (!ReadOnly) throw invalid("mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive");
  if (nonRecursive) {
    throw invalid("mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive");
  }
}

/**
 * `rprivate` unless asked for. What shows the engine's own mounts gives them back with the engine, so there it is
 * `rslave`. @throws invalid in Docker's words
 */
function propagationOf(source: string, asked: string | undefined, dataRoot: string): string {
  if (!source.startsWith(dataRoot) && !dataRoot.startsWith(source)) return asked || "rprivate";
  if (!asked) return "rslave";
  if (asked === "rslave" || asked === "rshared") return asked;
  throw invalid(
    'invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the ' +
      `daemon root, daemon root: ${JSON.stringify(dataRoot)}, bind mount source: ${JSON.stringify(source)}, ` +
      `propagation: ${JSON.stringify(asked)}`,
  );
}

function volumeDraft(request: MountRequest, written: Written, shared: Shared): Draft {
  const { NoCopy, Subpath, Labels, DriverConfig } = request.VolumeOptions ?? {};
  const name = request.Source;
  return {
    point: {
      Type: "volume",
      Source: "",
      Driver: "local",
      ...shared,
      Mode: shared.Mode || "z",
      plan: {
        recursive: true,
        copyUp: !NoCopy,
        makeSource: false,
        specified: written.specified,
        readonlyRecursive: true,
        ...(Subpath && { subpath: Subpath }),
        ...(!name && { anonymous: true }),
      },
    },
    volume: {
      ...(name && { name }),
      ...(DriverConfig?.Name && { driver: DriverConfig.Name }),
      ...(DriverConfig?.Options && { options: DriverConfig.Options }),
      ...(Labels && { labels: Labels }),
    },
  };
}

function anonymousDraft(destination: string, driver: string): Draft {
  return {
    point: {
      Type: "volume",
      Source: "",
      Destination: destination,
      Driver: "local",
      Mode: "",
      RW: true,
      Propagation: "",
      plan: { recursive: true, copyUp: true, makeSource: false, readonlyRecursive: true, anonymous: true },
    },
    volume: { ...(driver && { driver }) },
  };
}
