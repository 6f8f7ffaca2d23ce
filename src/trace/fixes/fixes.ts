/** Causes that are known, and what to do about each. The first that it is, is told. */
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
import type { Case, Explain, Explanation } from "./types.ts";

const CAUSES: readonly Explain[] = [
  spoofGuard,
  hostGuard,
  loopbackGuard,
  administrator,
  internalNetwork,
  iccOff,
  isolation,
  notPublished,
  outsideTheHost,
  engineRule,
  foreignFirewall,
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
