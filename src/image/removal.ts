/** Images going: names first, then configs and layers that nothing stands on. */
import type { ImageID } from "../lib/ids.ts";
import type { Catalog } from "./catalog.ts";
import { chainIdsOf } from "./describe/oci-config.ts";
import type { LayerKeeper } from "./layers/keeper.ts";
import { mustFind } from "./lookup.ts";
import { familiar, parseReference } from "./reference.ts";
import { planPrune, planRemoval, type Removal } from "./removal-plan.ts";
import type { Image, Removed, UsedBy } from "./types.ts";

type Publish = (action: "untag" | "delete", image: Image) => void;

export class Removals {
  readonly #catalog: Catalog;
  readonly #keeper: LayerKeeper;
  readonly #publish: Publish;

  constructor(catalog: Catalog, keeper: LayerKeeper, publish: Publish) {
    this.#catalog = catalog;
    this.#keeper = keeper;
    this.#publish = publish;
  }

  /** In turn only. @throws not-found, conflict */
  async remove(
    reference: string,
    {
      force,
      noprune = false,
      usedBy,
    }: { readonly force: boolean; readonly noprune?: boolean; readonly usedBy: UsedBy },
  ): Promise<readonly Removed[]> {
    const { image, key } = mustFind(this.#catalog, reference);
    const plan = planRemoval({
      reference,
      image: image.id,
      name: key,
      names: this.#catalog.namesOf(image.id),
      force,
      prune: !noprune,
      containers: usedBy(image.id),
      family: this.#family(usedBy),
    });
    return (await this.#carryOut(image, plan)).removed;
  }

  /** In turn only. Those that a container or an image that stays stands on are passed over. */
  async prune(
    candidates: readonly ImageID[],
    usedBy: UsedBy,
  ): Promise<{ readonly removed: readonly Removed[]; readonly reclaimed: number }> {
    const ahead = new Set(candidates);
    const removed: Removed[] = [];
    let reclaimed = 0;
    // Children first: what goes may have held the next one.
    for (let before = -1; before !== ahead.size; ) {
      before = ahead.size;
      for (const id of ahead) {
        const image = this.#catalog.images().get(id);
        const family = this.#family(usedBy);
        if (image && (usedBy(id).length > 0 || family.childrenOf(id).length > 0)) continue;
        ahead.delete(id);
        if (!image) continue;
        const plan = planPrune({ image: id, names: this.#catalog.namesOf(id), family });
        const gone = await this.#carryOut(image, plan);
        removed.push(...gone.removed);
        reclaimed += gone.bytes;
      }
    }
    return { removed, reclaimed };
  }

  async #carryOut(
    image: Image,
    { untag, told, remove }: Removal,
  ): Promise<{ readonly removed: readonly Removed[]; readonly bytes: number }> {
    const images = remove.flatMap((id) => this.#catalog.images().get(id) ?? []);
    const removed: Removed[] = untag.map((name) => ({ untagged: familiar(parseReference(name)) }));
    const tellUntagged = () => {
      for (const _ of untag.slice(0, told)) this.#publish("untag", image);
    };
    if (images.length === 0) {
      await this.#catalog.commit({ untag });
      tellUntagged();
    }
    let bytes = 0;
    for (const [i, each] of images.entries()) {
      const diffIds = each.layers.map(({ diffId }) => diffId);
      // One after another: what they share goes with the last. The first has its names with it.
      const also = { remove: [each.id], untag: i === 0 ? untag : [] };
      const freed = new Set(await this.#keeper.free(diffIds, also));
      if (i === 0) tellUntagged();
      this.#publish("delete", each);
      removed.push({ deleted: each.id });
      const chain = chainIdsOf(diffIds);
      // Top first, as they were taken apart.
      for (const [i, diffId] of [...diffIds.entries()].reverse()) {
        if (freed.has(diffId)) removed.push({ deleted: chain[i] ?? diffId });
      }
      bytes += each.layers.reduce((sum, { diffId, size }) => sum + (freed.has(diffId) ? size : 0), 0);
    }
    return { removed, bytes };
  }

  /** Who descends from whom, and who stands on whom. */
  #family(usedBy: UsedBy) {
    const images = [...this.#catalog.images().values()];
    return {
      parentOf: (id: ImageID) => {
        const parent = this.#catalog.images().get(id)?.parent;
        return parent !== undefined && this.#catalog.images().has(parent) ? parent : undefined;
      },
      childrenOf: (id: ImageID) => images.filter(({ parent }) => parent === id).map((child) => child.id),
      isFree: (id: ImageID) => this.#catalog.namesOf(id).length === 0 && usedBy(id).length === 0,
    };
  }
}
