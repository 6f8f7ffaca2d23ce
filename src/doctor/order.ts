/** What is told of all that was found: each once, the worst first, and of one container what concerns it. */
import type { Finding, Patient, Severity } from "./types.ts";

const ORDER: readonly Severity[] = ["broken", "risk", "note"];

/** Findings of one title are one, with the evidence and the fixes of all of them. */
export function merged(findings: readonly Finding[]): readonly Finding[] {
  const found = new Map<string, Finding>();
  for (const finding of findings) {
    const known = found.get(finding.title);
    found.set(finding.title, known ? join(known, finding) : finding);
  }
  return [...found.values()].toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
}

function join(a: Finding, b: Finding): Finding {
  const worse = ORDER.indexOf(a.severity) <= ORDER.indexOf(b.severity) ? a : b;
  const commands = new Set(a.fixes.map(({ command }) => command));
  return {
    ...worse,
    evidence: [...new Set([...a.evidence, ...b.evidence])],
    fixes: [...a.fixes, ...b.fixes.filter(({ command }) => !commands.has(command))],
  };
}

/** Of the one that is asked about: its own troubles, its networks', and what is wrong with the host. */
export function concerns({ container }: Patient, { about, severity }: Finding): boolean {
  if (!container) return true;
  if (about.container !== undefined) return about.container === container.of.name;
  if (about.network !== undefined)
    return container.of.endpoints.some(({ network }) => network === about.network);
  return about.namespace === container.namespace.id || severity !== "note";
}
