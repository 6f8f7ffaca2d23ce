/** Docker's archive: `manifest.json` says which files are an image's config and layers (moby, image/tarexport). */
import { invalid } from "../../lib/errors.ts";
import { isObject } from "../../lib/is-object.ts";
import { parseReference } from "../reference.ts";
import type { Found, LayerFile } from "./found.ts";
import type { Spool } from "./spool.ts";

export const MANIFEST = "manifest.json";

/** @throws invalid */
export function readDockerArchive(spool: Spool): Found[] {
  const manifest = spool.json(MANIFEST);
  if (!Array.isArray(manifest)) throw invalid(`${MANIFEST}: not a list of images`);
  return manifest.map((item: unknown) => {
    if (!isObject(item) || typeof item.Config !== "string") {
      throw invalid(`invalid manifest, manifest cannot be null or without Config (but can be [])`);
    }
    return {
      config: spool.read(item.Config),
      layers: texts(item.Layers, "Layers").map((name) => layerFile(spool, name)),
      references: texts(item.RepoTags, "RepoTags").map(checkedTag),
      ...(typeof item.Parent === "string" && item.Parent && { parent: item.Parent }),
    };
  });
}

export const layerFile = (spool: Spool, name: string): LayerFile => ({
  ...(spool.has(name) && { size: spool.sizeOf(name) }),
  open: async () => spool.open(name),
});

function texts(value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((text) => typeof text === "string")) return value;
  throw invalid(`${MANIFEST}: ${what} is not a list of names`);
}

function checkedTag(text: string): string {
  if (parseReference(text).tag === undefined) throw invalid(`invalid tag ${JSON.stringify(text)}`);
  return text;
}
