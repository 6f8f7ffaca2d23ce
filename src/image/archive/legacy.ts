/**
 * Archives from before Docker 1.10: a directory for each layer with `json` and `layer.tar`, and `repositories`
 * that names the topmost (moby, image/spec v1). A config is made of them as Docker makes it.
 */
import { createHash } from "node:crypto";
import { invalid } from "../../lib/errors.ts";
import { isObject } from "../../lib/is-object.ts";
import { decompress } from "../../tar/decompress.ts";
import { parseReference } from "../reference.ts";
import { layerFile } from "./docker-archive.ts";
import type { Found } from "./found.ts";
import type { Spool } from "./spool.ts";

export const REPOSITORIES = "repositories";
const DEEPEST = 500;

type Json = Readonly<Record<string, unknown>>;

/** @throws invalid */
export async function readLegacyArchive(spool: Spool): Promise<Found[]> {
  const names = namesOf(spool.json(REPOSITORIES));
  const digests = new Map<string, Promise<string>>();
  const digestOf = (id: string): Promise<string> => {
    const known = digests.get(id) ?? diffIdOf(spool, id);
    digests.set(id, known);
    return known;
  };
  return Promise.all(
    [...names].map(async ([id, references]) => {
      const chain = chainOf(spool, id);
      const layers = chain.map((each) => each.id);
      const diffIds = await Promise.all(layers.map(digestOf));
      return {
        config: Buffer.from(
          configOf(
            chain.map(({ json }) => json),
            diffIds,
          ),
        ),
        layers: layers.map((layer) => layerFile(spool, `${layer}/layer.tar`)),
        references,
      };
    }),
  );
}

/** References by the id of the image that they name. */
function namesOf(repositories: unknown): Map<string, string[]> {
  if (!isObject(repositories)) throw invalid(`${REPOSITORIES}: not an object`);
  const names = new Map<string, string[]>();
  for (const [name, tags] of Object.entries(repositories)) {
    if (!isObject(tags)) throw invalid(`${REPOSITORIES}: ${name} has no tags`);
    for (const [tag, id] of Object.entries(tags)) {
      const reference = `${name}:${tag}`;
      parseReference(reference);
      if (typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id)) throw invalid(`invalid target ID: ${id}`);
      names.set(id, [...(names.get(id) ?? []), reference]);
    }
  }
  return names;
}

/** Bottom first. */
function chainOf(spool: Spool, top: string): { readonly id: string; readonly json: Json }[] {
  const chain: { readonly id: string; readonly json: Json }[] = [];
  for (let id: unknown = top; id; ) {
    if (typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id)) throw invalid(`invalid parent ID: ${id}`);
    const json = spool.json(`${id}/json`);
    if (!isObject(json)) throw invalid(`${id}/json: not an object`);
    if (chain.push({ id, json }) > DEEPEST) throw invalid(`${top}: parents without end`);
    id = json.parent;
  }
  return chain.reverse();
}

async function diffIdOf(spool: Spool, id: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of await decompress(spool.open(`${id}/layer.tar`))) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

/** Keys in order of name and characters escaped as Go does it: the digest of this text is the image's id. */
function configOf(chain: readonly Json[], diffIds: readonly string[]): string {
  const { id: _, parent: __, Size: ___, layer_id: ____, throwaway: _____, ...top } = chain.at(-1) ?? {};
  const config: Json = {
    ...top,
    rootfs: { type: "layers", diff_ids: diffIds },
    history: chain.map((json) => {
      const container = isObject(json.container_config) ? json.container_config : {};
      return {
        created: json.created,
        author: json.author || undefined,
        created_by: (Array.isArray(container.Cmd) && container.Cmd.join(" ")) || undefined,
        comment: json.comment || undefined,
      };
    }),
  };
  const sorted = Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(sorted).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
