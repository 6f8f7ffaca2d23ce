/** All checks, side by side, each within its time. */
import { setImmediate } from "node:timers/promises";
import { messageOf } from "../lib/errors.ts";
import type { Topology } from "../observe/types.ts";
import { bounded } from "./bounded.ts";
import { ALL_CHECKS } from "./checks/all.ts";
import { concerns, merged } from "./order.ts";
import { patientOf } from "./patient.ts";
import { makeTools } from "./tools/tools.ts";
import type { Check, Diagnosis, Finding, Patient, Tools } from "./types.ts";

/** What is examined, and with what. */
export interface DiagnoseOptions {
  /** The name or id of one that is asked about alone. */
  readonly container?: string;
  readonly checks?: readonly Check[];
  /** What tries things out; by default on this machine. */
  readonly tools?: Tools;
  /** Milliseconds for all of it. */
  readonly limit?: number;
}

/** So that a doctor who has to read the topology first is done within two seconds. */
const LIMIT = 1500;

type Outcome = { readonly check: string } & (
  | { readonly findings: readonly Finding[] }
  | { readonly why: string }
);

/**
 * Nothing on the machine is changed by it.
 * @throws EngineError not-found where no running container is named `options.container`
 */
export async function diagnose(topology: Topology, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const began = performance.now();
  const { checks = ALL_CHECKS, limit = LIMIT } = options;
  const patient = patientOf(topology, options.tools ?? makeTools(topology), options.container);
  const make = async (check: Check): Promise<Outcome> => {
    try {
      const left = Math.max(limit - (performance.now() - began), 0);
      return { check: check.name, findings: await bounded(() => check.look(patient), left) };
    } catch (thrown) {
      return { check: check.name, why: messageOf(thrown) };
    }
  };
  const under = new Map<Check, Promise<Outcome>>();
  for (const check of [...checks].sort((a, b) => Number(b.asks ?? false) - Number(a.asks ?? false))) {
    under.set(check, make(check));
    // What one has sent gets its answers while another thinks.
    await setImmediate();
  }
  const outcomes = (await Promise.all(checks.map((check) => under.get(check)))).flatMap((one) => one ?? []);
  const findings = outcomes.flatMap((outcome) => ("findings" in outcome ? outcome.findings : []));
  return {
    findings: merged(findings.filter((finding) => concerns(patient, finding))),
    unchecked: outcomes.flatMap((outcome) => ("why" in outcome ? [outcome] : [])),
    checked: outcomes.flatMap((outcome) => ("findings" in outcome ? [outcome.check] : [])),
    unread: unreadOf(patient),
    took: performance.now() - began,
  };
}

/** Of the machine, and of the namespaces that are looked at. */
function unreadOf({ topology, host, containers }: Patient): readonly string[] {
  const looked = new Set([host, ...containers.map(({ namespace }) => namespace)]);
  const within = [...looked].flatMap(({ name, unread }) => unread.map((text) => `${name}: ${text}`));
  return [...topology.unread, ...within];
}
