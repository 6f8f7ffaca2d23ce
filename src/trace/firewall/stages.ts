/** All that is asked at a hook of a namespace, nftables' chains and xtables' tables, in the order in which the kernel asks. */
import { nftStages } from "./nft/stages.ts";
import type { StagesOf } from "./types.ts";
import { applyTarget, matchExtension } from "./xt/extension.ts";
import { xtStages } from "./xt/stages.ts";

/** iptables-nft's rules hold the structures of xtables. */
const EXTENSIONS = { match: matchExtension, target: applyTarget };

export { tracksConnections } from "./tracking.ts";

/**
 * Of equal priority, xtables' come first: the later registered do, which nobody is told (`Stage.registered`), and nft's
 * are mostly there from the beginning.
 */
export const stagesOf: StagesOf = (namespace, layer, hook) =>
  [...xtStages(namespace, layer, hook), ...nftStages(namespace, layer, hook, EXTENSIONS)].sort(
    (a, b) => a.priority - b.priority,
  );
