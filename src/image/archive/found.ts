import type { IncomingLayer } from "../types.ts";

/** Where a layer is in an archive; which one it is, the config says. */
export type LayerFile = Omit<IncomingLayer, "diffId">;

/** An image that an archive has. */
export interface Found {
  /** The config's bytes. */
  readonly config: Uint8Array;
  /** Bottom first. */
  readonly layers: readonly LayerFile[];
  readonly references: readonly string[];
  /** The id of what it was made from, whether or not it is here. */
  readonly parent?: string;
}
