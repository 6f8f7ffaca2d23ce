/**
 * Extensions of xtables in rules of iptables-nft, net/netfilter/nft_compat.c:
 * `enum nft_match_attributes { …, NFTA_MATCH_NAME, NFTA_MATCH_REV, NFTA_MATCH_INFO }`, and the same of targets.
 */
import { be32Or0, nameOr } from "../../../../linux/nftables/read-numbers.ts";
import type { XtExtension } from "../../../../linux/xtables/types.ts";
import type { TargetEffect } from "../extensions.ts";
import { either, type Machine, type Operation, type Result } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

const extensionOf = (attributes: Attributes): XtExtension => ({
  name: nameOr(attributes.get(1), ""),
  revision: be32Or0(attributes.get(2)),
  info: attributes.get(3) ?? new Uint8Array(),
});

export function match(attributes: Attributes): Operation {
  const extension = extensionOf(attributes);
  return (machine) => {
    const { connection, around } = machine;
    const answer = machine.extensions.match(extension, machine.packet, {
      ...around,
      ...(connection && { connection }),
    });
    if (answer === "unknown")
      return either(`the match ${extension.name} holds`, `the match ${extension.name} does not hold`);
    return answer ? "continue" : "break";
  };
}

export function target(attributes: Attributes): Operation {
  const extension = extensionOf(attributes);
  return (machine) => {
    const { connection, around } = machine;
    const effect = machine.extensions.target(extension, machine.packet, {
      ...around,
      ...(connection && { connection }),
    });
    if (effect.assumes === undefined) return carryOut(machine, effect);
    return { ways: [{ assuming: effect.assumes, go: (forked) => carryOut(forked, effect) }] };
  };
}

function carryOut(machine: Machine, effect: TargetEffect): Result {
  machine.packet = effect.packet ?? machine.packet;
  machine.connectionMark = effect.connectionMark ?? machine.connectionMark;
  machine.notrack ||= effect.notrack ?? false;
  machine.wish = effect.translation ?? machine.wish;
  const { next } = effect;
  if (next.do === "return") return { verdict: { code: "return" } };
  if (effect.does !== next.do) machine.do(effect.does);
  if (next.do === "continue") return "continue";
  return next.do === "accept" || next.do === "drop" ? { verdict: { code: next.do } } : { final: next };
}
