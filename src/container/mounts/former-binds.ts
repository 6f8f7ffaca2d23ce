/** Binds as they were recorded when there was nothing else to mount: `source:destination[:mode]`, checked at that time. */
import type { MountPoint } from "../types.ts";
import { cleanPath, isPropagation } from "./words.ts";

export function formerBind(text: string): MountPoint {
  const [source = "", destination = "", mode = ""] = text.split(":");
  const words = mode.split(",");
  return {
    Type: "bind",
    Source: cleanPath(source),
    Destination: cleanPath(destination),
    Mode: mode,
    RW: !words.includes("ro"),
    Propagation: words.find(isPropagation) ?? "rprivate",
    plan: { recursive: !words.includes("bind-nonrecursive"), copyUp: false, makeSource: true },
  };
}
