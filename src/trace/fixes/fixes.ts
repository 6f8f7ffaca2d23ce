/** Causes that are known, and what to do about each. The first that it is, is told. */
import { notAdmitted } from "./admission.ts";
import { astray, lostAddress, taken, untranslated } from "./astray.ts";
import { administrator, foreignFirewall } from "./firewall.ts";
import { kernelReason } from "./kernel.ts";
import {
  engineRule,
  hostGuard,
  iccOff,
  internalNetwork,
  isolation,
  loopbackGuard,
  notPublished,
  outsideTheHost,
  spoofGuard,
} from "./networks.ts";
import { backlogFull, boundElsewhere, boundToLoopback, notListening, unpublishedPort } from "./ports.ts";
import { publishedElsewhere, publishedInVain } from "./published.ts";
import type { Case, Explain, Explanation } from "./types.ts";
import { cutWire, isolatedPorts } from "./wires.ts";

const CAUSES: readonly Explain[] = [
  taken,
  cutWire,
  isolatedPorts,
  lostAddress,
  astray,
  spoofGuard,
  hostGuard,
  loopbackGuard,
  administrator,
  internalNetwork,
  iccOff,
  isolation,
  notAdmitted,
  notPublished,
  untranslated,
  outsideTheHost,
  engineRule,
  foreignFirewall,
  publishedElsewhere,
  publishedInVain,
  boundToLoopback,
  boundElsewhere,
  unpublishedPort,
  notListening,
  backlogFull,
  kernelReason,
];

export function explain(one: Case): Explanation {
  for (const cause of CAUSES) {
    const explanation = cause(one);
    if (explanation) return explanation;
  }
  // Rules that can't be read drop as well as others.
  const at = one.reason.code === "rule" ? "the firewall" : one.reason.code;
  return { at, why: one.reason.text, fixes: [] };
}
