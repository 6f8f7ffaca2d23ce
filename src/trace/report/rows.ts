/** The lines of the table: hops and what was seen side by side, and what to make of one without the other. Pure. */
import type { Hop, Path, Prediction, Proof, Row, Seen } from "../types.ts";
import { align, hopKey, type Pair, seenKey } from "./align.ts";

const NANOSECONDS_A_MICROSECOND = 1_000;

/** Of several ways that the packet could take, the one that was seen; else the first. */
export function likeliest(prediction: Prediction, proof: Proof | undefined): Path | undefined {
  if (!proof || prediction.paths.length < 2) return prediction.paths[0];
  const seen = new Set(proof.seen.map(seenKey));
  const misses = ({ hops }: Path) => {
    const keys = new Set(hops.map(hopKey).filter((key) => key !== undefined));
    const both = [...keys].filter((key) => seen.has(key)).length;
    return keys.size + seen.size - 2 * both;
  };
  return prediction.paths.reduce((best, path) => (misses(path) < misses(best) ? path : best));
}

export function rowsOf(path: Path | undefined, proof: Proof | undefined): readonly Row[] {
  let before: bigint | undefined;
  return align(path?.hops ?? [], proof).map((pair) => {
    const at = pair.seen && isTimed(pair.seen) ? pair.seen.at : undefined;
    const latency = at !== undefined && before !== undefined ? microseconds(at - before) : undefined;
    before = at ?? before;
    return {
      ...(pair.hop && { predicted: pair.hop }),
      ...(pair.seen && { seen: pair.seen }),
      agree: agreement(pair, proof),
      ...(latency !== undefined && { latency }),
    };
  });
}

/** Of nftables' trace, and of what a socket heard, only the time of reading is known: it says nothing of the packet's. */
const isTimed = ({ kind }: Seen): boolean => kind === "tap" || kind === "drop";

/** Time stamps of two processors may be a little out of order: no time then, rather than a negative one. */
const microseconds = (difference: bigint): number =>
  Math.max(0, Number(difference) / NANOSECONDS_A_MICROSECOND);

function agreement({ hop, seen }: Pair, proof: Proof | undefined): Row["agree"] {
  if (hop && seen) return "both";
  if (!hop) return "seen only";
  // What the sender is told at once, as that there is no route, never becomes a packet that could be seen to be dropped.
  if (hop.event.kind === "drop" && hop.event.reason.code === proof?.reason?.code) return "both";
  if (hop.event.kind === "rule" && hop.event.perhaps) return "not watched";
  return proof && isWatched(hop, proof) ? "predicted only" : "not watched";
}

/** Whether it would have been seen: a watcher that told of nothing in a namespace, where some was blind, was not there. */
function isWatched(hop: Hop, proof: Proof): boolean {
  if (hopKey(hop) === undefined) return false;
  if (hop.event.kind === "rule" && hop.event.rule.in === "xtables") return false;
  if (hop.direction === "back" && isImpatient(proof)) return false;
  if (proof.blind.length === 0) return true;
  const watcher = hop.event.kind === "out" || hop.event.kind === "in" ? "tap" : hop.event.kind;
  return proof.seen.some(({ kind, namespace }) => kind === watcher && namespace === hop.namespace);
}

/** The kernel asks for a neighbour for three seconds before it gives up, and tells the sender then: nobody waited for that. */
const isImpatient = ({ reason, seen }: Proof): boolean =>
  reason?.code === "no-neighbour" && !seen.some(({ kind }) => kind === "drop");
