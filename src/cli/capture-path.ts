import type { LinkRef, Topology } from "../observe/types.ts";
import { findEnds } from "../trace/ends/find.ts";
import { predict } from "../trace/predict.ts";
import { ExitError } from "./errors.ts";

/**
 * The links that a packet would take from one to another, and its answer back, in the order in which they are met.
 * @param to as `trace` takes it: `db:5432`
 * @throws as `findEnds`; ExitError where there is no way at all
 */
export async function linksOfPath(topology: Topology, from: string, to: string): Promise<readonly LinkRef[]> {
  const { paths } = predict(topology, await findEnds(topology, from, to));
  const links = paths
    .flatMap(({ hops }) => hops)
    .flatMap(({ event }) => (event.kind === "in" || event.kind === "out" ? [event.link] : []));
  if (links.length > 0) return links;
  const [reason] = paths.flatMap((path) => (path.reason ? [path.reason.text] : []));
  throw new ExitError(1, `no link carries anything from ${from} to ${to}${reason ? `: ${reason}` : ""}`);
}
