/** `-v [source:]destination[:mode]` and `--volumes-from container[:mode]` (Docker API, HostConfig Binds and VolumesFrom). */
import { inContext, invalid } from "../../lib/errors.ts";
import type { MountRequest } from "../types.ts";
import { checkMount } from "./request.ts";
import { isPropagation, PROPAGATIONS } from "./words.ts";

/** Kinds of words in a mode, of each of which there may be one. Labels are SELinux's, consistency is about Macs. */
const KINDS = [
  ["rw", "ro"],
  ["z", "Z"],
  PROPAGATIONS,
  ["nocopy"],
  ["consistent", "cached", "delegated"],
] as const;

const wordsOf = (mode: string): readonly string[] => mode.split(",");

function isMode(mode: string): boolean {
  if (mode === "") return true;
  const words = wordsOf(mode);
  const counts = KINDS.map((kind) => words.filter((word) => kind.some((known) => known === word)).length);
  return (
    counts.every((count) => count <= 1) && counts.reduce((sum, count) => sum + count, 0) === words.length
  );
}

/** A bind in the long form of the same. */
export interface Bind {
  readonly request: MountRequest;
  /** As written. */
  readonly mode: string;
}

/**
 * What has a slash in front is a path of the host, anything else a volume's name, nothing an anonymous volume.
 * @throws invalid in Docker's words
 */
export function parseBind(text: string, volumeDriver: string): Bind {
  const specification = `invalid volume specification: '${text}'`;
  const parts = text.split(":");
  const [first = "", second, mode = ""] = parts;
  // `/path:ro` names no destination.
  if (first === "" || parts.length > 3 || (parts.length === 2 && isMode(second ?? ""))) {
    throw invalid(specification);
  }
  if (!isMode(mode)) throw invalid(`invalid mode: ${mode}`);
  const [source, target] = second === undefined ? ["", first] : [first, second];
  const request = requestOf(source, target, mode, volumeDriver);
  try {
    checkMount(request);
  } catch (thrown) {
    throw inContext(specification, thrown);
  }
  return { request, mode };
}

function requestOf(source: string, target: string, mode: string, volumeDriver: string): MountRequest {
  const words = wordsOf(mode);
  const propagation = words.find(isPropagation);
  const type = source.startsWith("/") ? "bind" : "volume";
  const driver =
    type === "volume" && volumeDriver !== "" ? { DriverConfig: { Name: volumeDriver } } : undefined;
  const copy = words.includes("nocopy") ? { NoCopy: true } : undefined;
  return {
    Type: type,
    Source: source,
    Target: target,
    ReadOnly: words.includes("ro"),
    ...(propagation && { BindOptions: { Propagation: propagation } }),
    ...((driver || copy) && { VolumeOptions: { ...driver, ...copy } }),
  };
}

/** @throws invalid in Docker's words */
export function parseVolumesFrom(text: string): { readonly container: string; readonly readonly: boolean } {
  if (text === "") throw invalid("volumes-from specification cannot be an empty string");
  const [container = "", ...rest] = text.split(":");
  const mode = rest.join(":");
  const words = wordsOf(mode);
  // These stay what they are in the other container.
  if (!isMode(mode) || words.some(isPropagation) || words.includes("nocopy")) {
    throw invalid(`invalid mode: ${mode}`);
  }
  return { container, readonly: words.includes("ro") };
}
