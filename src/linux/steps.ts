/**
 * How each step of a plan is carried out. As soon as something was done, its reverse is left in the
 * scope, so that a step that fails half-way is undone as well.
 *
 * Requests that depend on one another go in separate sends: the kernel carries on past a refused
 * message, and what follows a name that turned out to be taken would happen to somebody else's link.
 */
import type { Fact, Step } from "./plan.ts";
import type { Scope } from "./scope.ts";
import { giveAddress, takeAddress } from "./steps/address.ts";
import { giveElements, nft, takeElements } from "./steps/firewall.ts";
import { addBridge, addMacvlan, addVeth, addVlan, removeLink, setLink } from "./steps/link.ts";
import { addNetns, removeNetns, setSysctl } from "./steps/namespace.ts";
import { giveRoute, takeRoute } from "./steps/route.ts";

/** Carry out one step. @throws KernelError, or an EngineError of nft, of a bad sysctl key or of a kind of link that the kernel lacks */
export function carryOut(step: Step, scope: Scope): Fact {
  switch (step.do) {
    case "add-netns":
      return addNetns(step, scope);
    case "remove-netns":
      return removeNetns(step, scope);
    case "add-bridge":
      return addBridge(step, scope);
    case "add-veth":
      return addVeth(step, scope);
    case "add-macvlan":
      return addMacvlan(step, scope);
    case "add-vlan":
      return addVlan(step, scope);
    case "set-link":
      return setLink(step, scope);
    case "delete-link":
      return removeLink(step, scope);
    case "add-address":
      return giveAddress(step, scope);
    case "delete-address":
      return takeAddress(step, scope);
    case "add-route":
      return giveRoute(step, scope);
    case "delete-route":
      return takeRoute(step, scope);
    case "set-sysctl":
      return setSysctl(step, scope);
    case "nft":
      return nft(step, scope);
    case "add-elements":
      return giveElements(step, scope);
    case "delete-elements":
      return takeElements(step, scope);
  }
}
