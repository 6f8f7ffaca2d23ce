/** A flow predicted, tried and told: all of a trace but its ends. */
import type { Topology } from "../../observe/types.ts";
import { describeNft } from "../firewall/nft/describe.ts";
import { describeXt } from "../firewall/xt/describe.ts";
import { predict } from "../predict.ts";
import { prove } from "../prove.ts";
import type { Flow, ProofOptions, Report, RuleRef } from "../types.ts";
import { reportOf } from "./report.ts";
import { withRuleTexts } from "./rules.ts";

export interface TraceOptions extends ProofOptions {
  /** Nothing is sent. */
  readonly predictOnly?: boolean;
}

/** @throws KernelError where not even a probe can be sent */
export async function traceFlow(topology: Topology, flow: Flow, options: TraceOptions = {}): Promise<Report> {
  const predicted = predict(topology, flow);
  const proven = options.predictOnly ? undefined : await prove(topology, flow, predicted, options);
  const { prediction, proof } = withRuleTexts(predicted, proven, (rules) => describe(topology, rules));
  return reportOf(topology, prediction, proof);
}

const describe = (topology: Topology, rules: readonly RuleRef[]): readonly RuleRef[] =>
  describeXt(describeNft(rules, topology), topology);
