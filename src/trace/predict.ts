/**
 * What will become of a packet: its way through the machine's namespaces, there and back, as the kernel would take it. A pure
 * function of the topology.
 */
import type { Namespace, Topology } from "../observe/types.ts";
import { stagesOf, tracksConnections } from "./firewall/stages.ts";
import type { Flow, Path, Prediction } from "./types.ts";
import { begin } from "./walk/begin.ts";
import { explore } from "./walk/choices.ts";
import type { Fate } from "./walk/fate.ts";
import { type Firewall, Walk } from "./walk/walk.ts";

/** Ways that are tried out where the topology does not decide. */
const MOST_PATHS = 32;

interface Walked {
  readonly path: Path;
  readonly doubts: ReadonlySet<string>;
}

function pathOf(walk: Walk, fate: Fate): Path {
  const { hops, assumptions } = walk;
  if (fate.end === "answered") return { hops, assumptions, outcome: "leaves" };
  if (fate.end !== "dropped") return { hops, assumptions, outcome: fate.end };
  return { hops, assumptions, outcome: "dropped", reason: fate.reason };
}

/** Asked at each hook of each namespace, and the same all along. */
function remembered(firewall: Firewall): Firewall {
  const tracks = { 4: new Map<Namespace, boolean>(), 6: new Map<Namespace, boolean>() };
  return {
    ...firewall,
    tracksConnections(namespace, family) {
      const known = tracks[family].get(namespace);
      const answer = known ?? firewall.tracksConnections(namespace, family);
      if (known === undefined) tracks[family].set(namespace, answer);
      return answer;
    },
  };
}

/** What could not be read of the namespaces that it passes. */
const unreadOn = (topology: Topology, path: Path): readonly string[] =>
  [...new Set(path.hops.map(({ namespace }) => namespace))].flatMap(
    (id) => topology.namespaces.get(id)?.unread ?? [],
  );

/** Follow a flow there and back through all namespaces of a topology, as the kernel would. Pure: nothing is sent, nothing is read. */
export function predict(
  topology: Topology,
  flow: Flow,
  firewall: Firewall = { stagesOf, tracksConnections },
): Prediction {
  const asked = remembered(firewall);
  const { results, more } = explore((pick): Walked => {
    const walk = new Walk(topology, flow, asked, pick);
    const fate = begin(walk);
    return { path: pathOf(walk, fate), doubts: walk.doubts };
  }, MOST_PATHS);
  const paths = results.map(({ path }) => path);
  const unsure = new Set(results.flatMap(({ path, doubts }) => [...doubts, ...unreadOn(topology, path)]));
  if (more)
    unsure.add(`there are more than ${MOST_PATHS} ways that it may take; the others were not looked at`);
  const [first] = paths;
  const agree = first !== undefined && paths.every(({ outcome }) => outcome === first.outcome);
  return {
    flow,
    paths,
    outcome: agree && unsure.size === 0 ? first.outcome : "unsure",
    unsure: [...unsure],
  };
}
