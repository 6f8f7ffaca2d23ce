/** What became of a packet, or of one copy of it. */
import type { Address, Mac } from "../../lib/ip.ts";
import type { LinkRef, NamespaceId } from "../../observe/types.ts";
import type { DropReason } from "../types.ts";
import type { Skb } from "./skb.ts";

/** Somebody who says that an address is his. */
export interface Answerer {
  readonly mac: Mac;
  readonly namespace: NamespaceId;
  readonly link: string;
  readonly address: Address;
}

export type Fate =
  /** Of a question: it was answered, and the answer arrived. Of what else: it arrived. */
  | { readonly end: "reached" }
  | { readonly end: "dropped"; readonly reason: DropReason }
  /** Out of what can be seen from here. */
  | { readonly end: "leaves"; readonly by: LinkRef }
  /** Of discovery. `beyond`: somebody whom we can't see may answer as well. */
  | {
      readonly end: "answered";
      readonly by: readonly Answerer[];
      readonly beyond: boolean;
      readonly why?: DropReason;
    };

/** A step of the way: on with it, or its end. */
export type Passed =
  | { readonly skb: Skb; readonly fate?: undefined }
  | { readonly fate: Fate; readonly skb?: undefined };

export const UNANSWERED: Extract<Fate, { end: "answered" }> = { end: "answered", by: [], beyond: false };

/** How much a copy's fate says of all copies': the frame that arrives counts, not the ten that nobody wanted. */
export function weight(fate: Fate): number {
  if (fate.end === "reached") return 4;
  if (fate.end === "leaves") return 3;
  if (fate.end === "answered") return 2;
  return fate.reason.code === "wrong-mac" ? 0 : 1;
}

/** What all copies of a question to neighbours came to. */
export function together(fates: readonly Fate[]): Fate {
  const answered = fates.filter((fate) => fate.end === "answered");
  const why = fates.find((fate) => fate.end === "dropped")?.reason ?? answered.find((fate) => fate.why)?.why;
  return {
    end: "answered",
    by: answered.flatMap(({ by }) => by),
    beyond: answered.some(({ beyond }) => beyond),
    ...(why && { why }),
  };
}
