/** One mount in its long form, checked (Docker API, Mount). Pure. */
import { inContext, invalid, notBuiltIn } from "../../lib/errors.ts";
import type { MountRequest } from "../types.ts";
import { tmpfsOptions, tmpfsText } from "./tmpfs.ts";
import { cleanPath, isPropagation } from "./words.ts";

/** @throws invalid, not-built-in; in Docker's words */
export function checkMount(request: MountRequest): void {
  try {
    check(request);
  } catch (thrown) {
    throw inContext(`invalid mount config for type ${JSON.stringify(request.Type)}`, thrown);
  }
}

function check(request: MountRequest): void {
  const { Target, Type } = request;
  if (!Target) throw empty("Target");
  if (cleanPath(Target) === "/") throw invalid("invalid specification: destination can't be '/'");
  checkAbsolute(Target);
  checkText(Target);
  checkText(request.Source ?? "");
  switch (Type) {
    case "bind":
      checkBind(request);
      break;
    case "volume":
      checkVolume(request);
      break;
    case "tmpfs":
      checkTmpfsMount(request);
      break;
    case "image":
      throw notBuiltIn("mounting images is not built in");
    default:
      throw invalid("mount type unknown");
  }
}

const empty = (field: string) => invalid(`field ${field} must not be empty`);
const surplus = (field: string) => invalid(`field ${field} must not be specified`);

function checkAbsolute(path: string): void {
  if (!path.startsWith("/")) {
    throw invalid(`invalid mount path: '${path}' mount path must be absolute`);
  }
}

/** @throws invalid for what is no path */
export function checkText(path: string): void {
  if (path.includes("\0")) throw invalid("a NUL byte in a path");
}

function checkBind({ Source, BindOptions, VolumeOptions }: MountRequest): void {
  if (!Source) throw empty("Source");
  if (BindOptions?.Propagation && !isPropagation(BindOptions.Propagation)) {
    throw invalid(`invalid propagation mode: ${BindOptions.Propagation}`);
  }
  if (VolumeOptions) throw surplus("VolumeOptions");
  checkAbsolute(Source);
}

function checkVolume({ Source, ReadOnly, BindOptions, VolumeOptions }: MountRequest): void {
  if (BindOptions) throw surplus("BindOptions");
  const subpath = VolumeOptions?.Subpath;
  if (subpath) {
    if (!Source) throw invalid("must not set Subpath when using anonymous volumes");
    if (!isLocal(subpath)) throw invalid("subpath must be a relative path within the volume");
    checkText(subpath);
  }
  if (ReadOnly && !Source) throw invalid("must not set ReadOnly mode when using anonymous volumes");
}

function checkTmpfsMount(request: MountRequest): void {
  if (request.BindOptions) throw surplus("BindOptions");
  if (request.Source) throw surplus("Source");
  tmpfsOptions(tmpfsText(request));
}

/** Below where it starts from, by its words alone: links are another matter. */
function isLocal(path: string): boolean {
  const clean = cleanPath(path);
  return !clean.startsWith("/") && clean !== ".." && !clean.startsWith("../");
}
