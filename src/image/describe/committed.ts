/** What a container's image says once its changes are a layer on the image that it was made from (moby, image.NewChildImage). */
import type { CommitRequest, DiffID, Image } from "../types.ts";
import type { Description } from "./oci-config.ts";

/** A tar with nothing in it: two blocks of zeros. */
const EMPTY = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

export function committed(base: Image, request: CommitRequest, layer: DiffID): Description {
  const created = new Date().toISOString();
  const { container, containerConfig, config, author, comment, createdBy } = request;
  const emptyLayer = layer === EMPTY;
  const below = base.layers.map(({ diffId }) => diffId);
  return {
    os: base.os,
    architecture: base.architecture,
    ...(base.variant !== undefined && { variant: base.variant }),
    created,
    author,
    comment: "",
    config,
    container,
    containerConfig,
    diffIds: emptyLayer ? below : [...below, layer],
    history: [...base.history, { created, createdBy, ...(author && { author }), comment, emptyLayer }],
  };
}
