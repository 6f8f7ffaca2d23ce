/** Predictions, each made once for all checks that ask. */
import { formatAddress } from "../../lib/ip.ts";
import type { NamespaceId } from "../../observe/types.ts";
import { predict } from "../../trace/predict.ts";
import type { Flow, Hop, Prediction } from "../../trace/types.ts";
import type { Patient } from "../types.ts";

const made = new WeakMap<Patient, Map<string, Prediction>>();

const keyOf = ({ from, enters, source, destination, protocol, port }: Flow): string =>
  [
    from.namespace,
    enters?.ifindex,
    source && formatAddress(source),
    formatAddress(destination),
    protocol,
    port,
  ].join(" ");

export function forecast(patient: Patient, flow: Flow): Prediction {
  const known = made.get(patient) ?? new Map<string, Prediction>();
  made.set(patient, known);
  const key = keyOf(flow);
  const prediction = known.get(key) ?? predict(patient.topology, flow);
  known.set(key, prediction);
  return prediction;
}

/** Hops of the question, where all is certain: undefined where it is not. */
export function wayThere(patient: Patient, flow: Flow): readonly Hop[] | undefined {
  const { paths, outcome } = forecast(patient, flow);
  const [path] = paths;
  return outcome === "unsure" || !path
    ? undefined
    : path.hops.filter(({ direction }) => direction === "there");
}

/** Whether it comes to somebody in a namespace: what becomes of an answer is its sender's trouble as well. */
export const arrives = (patient: Patient, flow: Flow, at: NamespaceId): boolean =>
  wayThere(patient, flow)?.some(({ event, namespace }) => namespace === at && event.kind === "local") ??
  false;
