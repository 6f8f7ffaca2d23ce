/** What came of it, in one sentence, and what would change it. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import type { Topology } from "../../observe/types.ts";
import { caseOfPath, caseOfProof } from "../fixes/case.ts";
import { explain } from "../fixes/fixes.ts";
import type { Case, Fix } from "../fixes/types.ts";
import { ruleText } from "../fixes/words.ts";
import { isRefusal } from "../refusal.ts";
import type { DropReason, Flow, Path, Prediction, Proof, Verdict } from "../types.ts";

/** Exit codes of `drawbridge trace`. */
export const EXIT_CODES: Readonly<Record<Verdict["outcome"], number>> = {
  reached: 0,
  "not reached": 1,
  unsure: 2,
};

/**
 * Where a proof and a prediction say different things, the proof is right, and the sentence says so.
 * @param path the one of the prediction's that the proof is nearest to
 */
export function verdictOf(
  topology: Topology,
  prediction: Prediction,
  proof: Proof | undefined,
  path: Path | undefined,
): Verdict {
  // One that could not be sent proves nothing: why, its `blind` tells.
  const sent = proof && wasSent(proof);
  const told = sent ? proven(topology, prediction, proof, path) : predicted(topology, prediction, path);
  const made = withPause(topology, prediction.flow, told);
  if (!sent || !disagree(prediction, proof)) return made;
  return {
    ...made,
    sentence: `${made.sentence}; the prediction was another: ${PREDICTED[prediction.outcome]}`,
  };
}

/** The kernel answers pings and takes connections for programs that are stopped. */
function withPause(topology: Topology, { to }: Flow, verdict: Verdict): Verdict {
  const container = to.namespace === undefined ? undefined : topology.namespaces.get(to.namespace)?.container;
  if (verdict.outcome !== "reached" || container?.state !== "paused") return verdict;
  const { name, engine } = container;
  return {
    ...verdict,
    sentence: `${verdict.sentence}; but ${name} is paused: the kernel answers for it, its programs do not`,
    fixes: [...verdict.fixes, { command: shell`${engine} unpause ${name}`, does: "has its programs go on" }],
  };
}

const wasSent = ({ outcome, seen, reason, blind }: Proof): boolean =>
  outcome !== "silent" || seen.length > 0 || reason !== undefined || blind.length === 0;

const PREDICTED: Readonly<Record<Prediction["outcome"], string>> = {
  reached: "that it is reached",
  dropped: "that it is dropped",
  leaves: "that it leaves this machine",
  unsure: "that it may be reached or not",
};

function disagree(prediction: Prediction, proof: Proof): boolean {
  const arrived = proof.outcome === "reached" || proof.outcome === "delivered";
  if (prediction.outcome === "reached") return !arrived;
  if (prediction.outcome === "dropped") return arrived || proof.outcome === "leaves";
  // Whether it comes back from beyond this machine was left open.
  return prediction.outcome === "leaves" && proof.outcome === "dropped";
}

/** `web reaches db at 172.18.0.3 port 5432/tcp`. */
function way(flow: Flow): string {
  const port = flow.port === undefined ? "" : ` port ${flow.port}/${flow.protocol}`;
  const address = formatAddress(flow.destination);
  const at = flow.to.label.includes(address) ? port : ` at ${address}${port}`;
  return `${flow.from.label} reaches ${flow.to.label}${at}`;
}

const NANOSECONDS_A_MILLISECOND = 1e6;

function proven(topology: Topology, prediction: Prediction, proof: Proof, path: Path | undefined): Verdict {
  const { flow } = prediction;
  const took = `${proof.took.toFixed(proof.took < 10 ? 1 : 0)} ms`;
  switch (proof.outcome) {
    case "reached": {
      const answer = proof.seen.find((one) => one.kind === "answer");
      const what = answer?.kind === "answer" ? `answered by ${answer.what} ` : "answered ";
      return reached(`reached: ${way(flow)}, ${what}in ${roundTrip(proof) ?? took}`);
    }
    case "delivered":
      return reached(`delivered: ${way(flow)}; what takes ${flow.protocol.toUpperCase()} need not answer`);
    case "leaves":
      return {
        outcome: "unsure",
        sentence: `unsure: it left this machine${lastSeen(topology, proof)}, and nothing came back`,
        fixes: [],
      };
    case "dropped": {
      const reason = reasonOf(proof, path);
      if (reason) return ended(caseOfProof(topology, flow, proof, reason, path));
      return {
        outcome: "not reached",
        sentence: `dropped${lastSeen(topology, proof)}, for a reason that could not be seen`,
        fixes: [],
      };
    }
    case "silent":
      return silence(topology, prediction, proof, path);
  }
}

/**
 * Where both give one reason, or the kernel gives none in particular, the prediction knows more of why, and the proof of where
 * in the kernel.
 */
function reasonOf(proof: Proof, path: Path | undefined): DropReason | undefined {
  const { reason: seen } = proof;
  if (!seen || !path?.reason) return seen ?? path?.reason;
  if (seen.code !== path.reason.code && !(isVague(seen) && endAtOnePlace(proof, path))) return seen;
  return {
    ...path.reason,
    ...(seen.rule && { rule: seen.rule }),
    ...(seen.kernel && { kernel: seen.kernel }),
  };
}

/** Dropped by some rule, or for no reason that has a name. */
const isVague = ({ code, rule, kernel }: DropReason): boolean =>
  !rule && (code === "kernel" || code === "rule" || kernel?.reason === "NOT_SPECIFIED");

function endAtOnePlace({ seen }: Proof, { hops }: Path): boolean {
  const dropped = seen.findLast(({ kind }) => kind === "drop");
  const predicted = hops.findLast(({ event }) => event.kind === "drop");
  return dropped !== undefined && predicted?.namespace === dropped.namespace;
}

const reached = (sentence: string): Verdict => ({ outcome: "reached", sentence, fixes: [] });

/** From the first that was seen of it to the answer, by the kernel's clock. */
function roundTrip({ seen }: Proof): string | undefined {
  const answer = seen.findLast(({ kind }) => kind === "answer");
  const first = seen[0];
  if (!answer || !first || answer === first) return undefined;
  const milliseconds = Number(answer.at - first.at) / NANOSECONDS_A_MILLISECOND;
  return milliseconds > 0 ? `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms` : undefined;
}

/** ` by eth0 of host`: the last tap that saw it. */
function lastSeen(topology: Topology, { seen }: Proof): string {
  const tap = seen.findLast((one) => one.kind === "tap");
  if (tap?.kind !== "tap") return "";
  const name = topology.namespaces.get(tap.namespace)?.name ?? `namespace ${tap.namespace}`;
  return tap.way === "out" ? ` by ${tap.name} of ${name}` : ` after it came in by ${tap.name} of ${name}`;
}

/** Nothing was seen to end it, and nothing came back: the prediction's reason, where it has one. */
function silence(topology: Topology, prediction: Prediction, proof: Proof, path: Path | undefined): Verdict {
  const { flow } = prediction;
  const reason = reasonOf(proof, path);
  if (reason) return ended(caseOfProof(topology, flow, proof, reason, path));
  const where = lastSeen(topology, proof);
  const waited = "no answer came";
  if (flow.protocol === "udp" && prediction.outcome !== "dropped") {
    return {
      outcome: "unsure",
      sentence: `unsure: ${waited}, as UDP need not; it was last seen${where || " nowhere"}`,
      fixes: [],
    };
  }
  const word = prediction.outcome === "leaves" ? "unsure" : "not reached";
  return {
    outcome: word,
    sentence: where
      ? `${word}: ${waited}; it was last seen${where}`
      : `${word}: ${waited}, and no tap saw it`,
    fixes: [],
  };
}

function predicted(topology: Topology, prediction: Prediction, path: Path | undefined): Verdict {
  const { flow } = prediction;
  switch (prediction.outcome) {
    case "reached":
      return reached(`reached: ${way(flow)}, as predicted; it was not tried`);
    case "dropped":
      if (path?.reason) return ended(caseOfPath(topology, flow, path, path.reason));
      return {
        outcome: "not reached",
        sentence: "not reached: it is dropped, for a reason that is not told",
        fixes: [],
      };
    case "leaves":
      return {
        outcome: "unsure",
        sentence: `unsure: it leaves this machine${exitOf(topology, path)}, and what becomes of it there is not to be read here`,
        fixes: [],
      };
    case "unsure":
      return undecided(topology, prediction);
  }
}

function exitOf(topology: Topology, path: Path | undefined): string {
  const hop = path?.hops.findLast(({ event }) => event.kind === "out");
  if (hop?.event.kind !== "out") return "";
  return ` by ${hop.event.name} of ${topology.namespaces.get(hop.namespace)?.name ?? "a namespace"}`;
}

/** Each way with what must be so for it. */
function undecided(topology: Topology, { flow, paths, unsure }: Prediction): Verdict {
  const ways = paths.map((path) => {
    const end =
      path.outcome === "dropped" && path.reason
        ? ended(caseOfPath(topology, flow, path, path.reason)).sentence
        : path.outcome === "reached"
          ? "it is reached"
          : "it leaves this machine";
    return path.assumptions.length > 0 ? `${end}, if ${path.assumptions.join(" and ")}` : end;
  });
  const hidden = unsure.filter((text) => FORBIDDEN.test(text));
  const told = [...new Set(ways), ...unsure.filter((text) => !FORBIDDEN.test(text))];
  const rest =
    hidden.length > 0 ? `, as far as this user may look: ${parts(hidden.length)} for root alone` : "";
  return { outcome: "unsure", sentence: `unsure: ${told.join("; or ")}${rest}`, fixes: [] };
}

/** What they are is told beside the table, a line each. */
const FORBIDDEN = /\((EPERM|EACCES)\)/;
const parts = (count: number): string => (count === 1 ? "one part is" : `${count} parts are`);

/** What is told of an end that has a reason. */
function ended(one: Case): Verdict {
  const { at, why, fixes } = explain(one);
  const { rule } = one.reason;
  const answer = one.direction === "back" ? "the answer is " : "";
  const where = one.namespace ? ` in namespace ${one.namespace.name}` : "";
  const by = rule ? ` (${ruleText(rule)})` : kernelText(one.reason);
  const [first] = fixes;
  const help = first ? `; ${purpose(one, first)}: ${first.command}` : "";
  return {
    outcome: "not reached",
    sentence: `${answer}${verbOf(one.reason)}${where} at ${at}: ${why}${by}${help}`,
    fixes,
  };
}

/** Not every command mends: some show what a person must, or where there is a way. */
function purpose({ reason }: Case, { does }: Fix): string {
  if (does.startsWith("shows ")) return "to look closer";
  if (does.startsWith("goes by ")) return "another way";
  return reason.code === "rule" ? "to allow it" : "to mend it";
}

const kernelText = ({ kernel }: DropReason): string =>
  kernel
    ? ` (the kernel says ${[kernel.reason, kernel.at && `in ${kernel.at}`].filter(Boolean).join(" ")})`
    : "";

const verbOf = (reason: DropReason): string => (isRefusal(reason) ? "refused" : "dropped");
