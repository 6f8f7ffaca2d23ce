/**
 * `drawbridge/observe`: a container network read, predicted, proved and examined, as a library. No engine of ours is needed:
 * it reads the kernel, as root, and asks the engines that are there for names. Nothing is changed by looking.
 *
 * ```ts
 * import { findEnds, predict, prove, readTopology, reportOf } from "drawbridge/observe";
 *
 * const topology = await readTopology();
 * const flow = await findEnds(topology, "web", "db:5432");
 * const prediction = predict(topology, flow);
 * const proof = await prove(topology, flow, prediction);
 * console.log(reportOf(topology, prediction, proof).verdict.sentence);
 * ```
 */

// What links carry.
export type { CaptureOptions, Capturing } from "../capture/capture.ts";
export { capture } from "../capture/capture.ts";
export type { Target } from "../capture/tapped.ts";
export { tappedOf } from "../capture/tapped.ts";
export type * from "../capture/types.ts";
// What is wrong, and what mends it.
export { ALL_CHECKS } from "../doctor/checks/all.ts";
export type { DiagnoseOptions } from "../doctor/diagnose.ts";
export { diagnose } from "../doctor/diagnose.ts";
export type * from "../doctor/types.ts";
// What there is.
export type { Json } from "../observe/json.ts";
export { topologyToJson } from "../observe/json.ts";
export type { AddressOwner } from "../observe/lookup.ts";
export {
  addressOwners,
  forwards,
  hostOf,
  linkByName,
  linkOf,
  namespaceOf,
  otherEnd,
  portsOf,
  reversePathFilter,
} from "../observe/lookup.ts";
export { readNamespace, readTopology } from "../observe/read.ts";
export type * from "../observe/types.ts";
export type { TopologyWatchOptions } from "../observe/watch.ts";
export { watchTopology } from "../observe/watch.ts";
// What becomes of a packet, and why.
export type { EndsOptions } from "../trace/ends/find.ts";
export { findEnds, UnresolvedError } from "../trace/ends/find.ts";
export { predict } from "../trace/predict.ts";
export { prove } from "../trace/prove.ts";
export { renderReport } from "../trace/render/report.ts";
export type { Style } from "../trace/render/style.ts";
export { PLAIN } from "../trace/render/style.ts";
export { reportToJson } from "../trace/report/json.ts";
export { reportOf } from "../trace/report/report.ts";
export type { TraceOptions } from "../trace/report/trace.ts";
export { traceFlow } from "../trace/report/trace.ts";
export type * from "../trace/types.ts";
