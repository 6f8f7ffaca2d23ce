/** `docker load`: images out of an archive, whichever of its forms it has. */
import { invalid } from "../../lib/errors.ts";
import { decompress } from "../../tar/decompress.ts";
import { configText, readConfig } from "../describe/oci-config.ts";
import { matchesPlatform, type Platform, parsePlatform } from "../describe/platform.ts";
import type { Trash } from "../layers/trash.ts";
import type { DiffID, IncomingImage } from "../types.ts";
import { MANIFEST, readDockerArchive } from "./docker-archive.ts";
import type { Found } from "./found.ts";
import { REPOSITORIES, readLegacyArchive } from "./legacy.ts";
import { INDEX, readOciLayout } from "./oci-layout.ts";
import { Spool } from "./spool.ts";

export type Offered = Omit<IncomingImage, "parent"> & { readonly parent?: string };

/**
 * Hand each image of the archive to `take`, one after another, while its files are there.
 * @throws invalid where it is no image archive, or a damaged one; what `take` throws
 */
export async function readArchive(
  tar: AsyncIterable<Buffer>,
  { platform, trash }: { readonly platform?: string | undefined; readonly trash: Trash },
  take: (image: Offered) => Promise<void>,
): Promise<void> {
  const wanted = platform ? parsePlatform(platform) : undefined;
  const directory = trash.stage();
  try {
    const spool = await Spool.of(await decompress(tar), directory);
    for (const found of await imagesIn(spool, wanted)) {
      const { diffIds, ...described } = readConfig(configText(found.config));
      if (described.os !== "linux") throw invalid(`cannot load ${described.os} image on linux`);
      if (wanted && !matchesPlatform(wanted, described)) continue;
      if (diffIds.length !== found.layers.length) {
        throw invalid(
          `invalid manifest, layers length mismatch: expected ${found.layers.length}, got ${diffIds.length}`,
        );
      }
      const layers = found.layers.map((layer, i) => ({ ...layer, diffId: diffIds[i] as DiffID }));
      await take({ ...found, layers });
    }
  } finally {
    trash.discard(directory);
  }
}

/** Docker's manifest first, as Docker does: its newer archives are an OCI layout besides. */
async function imagesIn(spool: Spool, platform: Platform | undefined): Promise<Found[]> {
  if (spool.has(MANIFEST)) return readDockerArchive(spool);
  if (spool.has(INDEX)) return readOciLayout(spool, platform);
  if (spool.has(REPOSITORIES)) return readLegacyArchive(spool);
  throw invalid(
    `not an image archive: it has none of ${MANIFEST}, ${INDEX} and ${REPOSITORIES} ` +
      "(docker import takes a root filesystem's tar)",
  );
}
