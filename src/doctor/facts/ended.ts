/** A way that ends too early, as a finding tells it. */
import { formatAddress } from "../../lib/ip.ts";
import { ruleText } from "../../trace/fixes/words.ts";
import type { DropReason } from "../../trace/types.ts";
import type { Fix, Patient } from "../types.ts";
import type { Ended } from "./ways.ts";

/** Ends that are the firewall's or routing's: the others are told by checks of what they are. */
const DECIDED: ReadonlySet<DropReason["code"]> = new Set([
  "rule",
  "reverse-path",
  "martian",
  "no-route",
  "unreachable-route",
]);

/** And of this machine: what is dropped in another's namespace beyond the uplink is that one's business. */
export const isDecidedHere = (patient: Patient, end: Ended): boolean =>
  DECIDED.has(end.reason.code) && isHere(patient, end);

export const isHere = ({ host, containers }: Patient, { namespace }: Ended): boolean =>
  namespace === host || containers.some((resident) => resident.namespace === namespace);

/** `ufw: it drops what is forwarded for docker0`. */
export const because = ({ explanation }: Ended): string => `${explanation.at}: ${explanation.why}`;

export function evidenceOf({ flow, reason, namespace }: Ended): readonly string[] {
  const from = flow.source ? formatAddress(flow.source) : flow.from.label;
  const port = flow.port === undefined ? "" : ` port ${flow.port}/${flow.protocol}`;
  return [
    `from ${from} to ${formatAddress(flow.destination)}${port}: ${reason.text}`,
    ...(reason.rule ? [`in namespace ${namespace?.name ?? "?"}: ${ruleText(reason.rule)}`] : []),
  ];
}

/** Rules are opened by whom they belong to: nothing of that is done unasked. */
export const fixesOf = ({ explanation }: Ended): readonly Fix[] =>
  explanation.fixes.map(({ command, does }) => ({ command, does, safe: false }));
