/** Prediction and proof side by side, and what to make of them. */
import type { Topology } from "../../observe/types.ts";
import type { Prediction, Proof, Report } from "../types.ts";
import { likeliest, rowsOf } from "./rows.ts";
import { verdictOf } from "./verdict.ts";

/** Pure. Rules are told with the text that they come with: `withRuleTexts` fills it in. */
export function reportOf(topology: Topology, prediction: Prediction, proof?: Proof): Report {
  const path = likeliest(prediction, proof);
  return {
    prediction,
    ...(proof && { proof }),
    rows: rowsOf(path, proof),
    verdict: verdictOf(topology, prediction, proof, path),
  };
}
