/** A packet that ended, with everything that a reason for it may be found in. */
import type { Address } from "../../lib/ip.ts";
import type { EngineContainer, EngineNetwork, Namespace, Topology } from "../../observe/types.ts";
import type { DropReason, Flow, Hop, Sight, Verdict } from "../types.ts";

/** Somebody at an end of the packet's way. */
export interface Party {
  readonly label: string;
  readonly namespace?: Namespace;
  readonly container?: EngineContainer;
  /** The engine's network by which it takes part in this. */
  readonly network?: EngineNetwork;
}

export interface Case {
  readonly topology: Topology;
  readonly flow: Flow;
  readonly reason: DropReason;
  /** Where it ended; undefined where that isn't known. */
  readonly namespace?: Namespace;
  readonly direction: Hop["direction"];
  /** As it was when it ended. */
  readonly packet?: Sight;
  /** The link that it came in by, or was to leave by, last: a name in `namespace`. */
  readonly link?: string;
  /** The neighbour that it was to be handed to next, where that was asked for last. */
  readonly nextHop?: Address;
  /** Who sends, and whom it was for in the end, translations carried out. */
  readonly from: Party;
  readonly to: Party;
}

/** What is to be said of it. */
export interface Explanation {
  /** At what it ended: `bridge isolation`. */
  readonly at: string;
  /** Why: `net-a may not reach net-b`. */
  readonly why: string;
  readonly fixes: Verdict["fixes"];
}

/** One kind of cause: tells whether it is this one. */
export type Explain = (one: Case) => Explanation | undefined;

export type Fix = Verdict["fixes"][number];
