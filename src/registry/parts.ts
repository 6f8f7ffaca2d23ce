import type { Images } from "../image/types.ts";
import type { EngineEvent } from "../lib/events.ts";
import type { Logger } from "../lib/log.ts";
import type { BlobShelf } from "./blobs.ts";
import type { KnownBlobs } from "./known.ts";
import type { Surroundings } from "./skopeo.ts";

/** What transfers work with. */
export interface Parts {
  readonly images: Images;
  readonly shelf: BlobShelf;
  readonly known: KnownBlobs;
  readonly surroundings: Surroundings;
  readonly logger: Logger;
  readonly publish: (event: Omit<EngineEvent, "time">) => void;
}
