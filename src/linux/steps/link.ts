/** Steps that make, change and delete links. */
import { constants } from "node:os";
import { unavailable } from "../../lib/errors.ts";
import { KernelError } from "../ffi.ts";
import type { Link } from "../kernel.ts";
import { describe, type Fact, type NetnsPath, type StepOf } from "../plan.ts";
import {
  askLink,
  askPair,
  changeLink,
  createLink,
  deleteLink,
  type LinkRequest,
  touchLink,
} from "../rtnetlink/link.ts";
import type { Scope } from "../scope.ts";

const { ENODEV, EOPNOTSUPP } = constants.errno;
/** Of IFLA_MASTER: to be a port no more. */
const NO_MASTER = 0;

export function addBridge(step: StepOf<"add-bridge">, scope: Scope): Fact {
  const what = describe(step);
  const { name, mac, mtu } = step;
  scope.home.route.request(
    createLink(what, { kind: "bridge", name, mtu, noLinkLocalLearn: true, ...(mac && { mac }) }),
  );
  undoLink(what, undefined, name, scope);
  return { ifindex: scope.ifindex(what, undefined, name) };
}

export function addVeth(step: StepOf<"add-veth">, scope: Scope): Fact {
  const what = describe(step);
  const { name, mac, mtu, up, peer, alias, hairpin } = step;
  const master = step.master === undefined ? undefined : scope.ifindex(what, undefined, step.master);
  const pair: LinkRequest = {
    kind: "veth",
    name,
    mtu,
    up,
    ...(mac && { mac }),
    ...(master !== undefined && { master }),
    peer: {
      name: peer.name,
      mtu: peer.mtu,
      ...(peer.mac && { mac: peer.mac }),
      netnsFd: scope.descriptor(peer.netns),
    },
  };
  scope.home.route.request(createLink(what, pair));
  undoLink(what, undefined, name, scope);
  // Asking for an end brings its carrier up to date, and with it the bridge port: the first packet passes.
  let fact: Fact = {};
  const raised = changeLink(what, { name: peer.name, ...(up && { up }) });
  const hear = (peerIfindex: number, ifindex: number | undefined) => {
    fact = { peerIfindex, ...(ifindex !== undefined && { ifindex }) };
  };
  all(scope.socket(peer.netns).transact([raised, askPair(what, peer.name, hear)]));
  const labelled = changeLink(what, {
    name,
    ...(alias !== undefined && { alias }),
    ...(hairpin && { hairpin }),
  });
  all(scope.home.route.transact([labelled, touchLink(what, { name })]));
  scope.learn(undefined, name, fact.ifindex);
  scope.learn(peer.netns, peer.name, fact.peerIfindex);
  return fact;
}

/** The request is made where the parent is, and the link is born elsewhere: its parent's index means the parent's namespace. */
export function addMacvlan(step: StepOf<"add-macvlan">, scope: Scope): Fact {
  const what = describe(step);
  const { netns, name, mode, mac, mtu, alias } = step;
  createStacked(what, "macvlan", scope, {
    kind: "macvlan",
    name,
    parent: scope.ifindex(what, undefined, step.parent),
    macvlanMode: mode,
    netnsFd: scope.descriptor(netns),
    up: true,
    ...(mac && { mac }),
    ...(mtu !== undefined && { mtu }),
  });
  undoLink(what, netns, name, scope);
  if (alias !== undefined) scope.socket(netns).request(changeLink(what, { name, alias }));
  return { peerIfindex: scope.ifindex(what, netns, name) };
}

export function addVlan(step: StepOf<"add-vlan">, scope: Scope): Fact {
  const what = describe(step);
  const { name, id } = step;
  const parent = scope.ifindex(what, undefined, step.parent);
  createStacked(what, "8021q", scope, { kind: "vlan", name, parent, vlanId: id, up: true });
  undoLink(what, undefined, name, scope);
  return { ifindex: scope.ifindex(what, undefined, name) };
}

/** @throws unavailable where the kernel doesn't know the kind of link */
function createStacked(what: string, module: string, scope: Scope, link: LinkRequest): void {
  try {
    scope.home.route.request(createLink(what, link));
  } catch (thrown) {
    if (!(thrown instanceof KernelError) || !isUnknownKind(thrown)) throw thrown;
    throw unavailable(
      `${what}: this kernel has no ${link.kind} links, and its module ${module} can't be loaded`,
      thrown,
    );
  }
}

/** The kernel has one errno for a kind that it doesn't know and for a parent that can't carry one; words only since Linux 4.20. */
const isUnknownKind = ({ errno, detail }: KernelError): boolean =>
  errno === EOPNOTSUPP && (detail === undefined || /unknown device type/i.test(detail));

function undoLink(what: string, netns: NetnsPath | undefined, name: string, scope: Scope): void {
  scope.undo(what, () => {
    scope.learn(netns, name);
    scope.socket(netns).request(deleteLink(`delete link ${name}`, { name }));
  });
}

export function setLink(step: StepOf<"set-link">, scope: Scope): Fact {
  const what = describe(step);
  const socket = scope.socket(step.netns);
  let before: Link | undefined;
  socket.request(
    askLink(what, { name: step.name }, (link) => {
      before = link;
    }),
  );
  if (!before) throw new KernelError(what, ENODEV);
  const { ifindex, up, mtu, mac, alias } = before;
  const master = step.master === undefined ? undefined : scope.ifindex(what, step.netns, step.master);
  const wanted: LinkRequest = {
    ifindex,
    ...(step.up !== undefined && { up: step.up }),
    ...(step.mtu !== undefined && { mtu: step.mtu }),
    ...(step.mac !== undefined && { mac: step.mac }),
    ...(step.alias !== undefined && { alias: step.alias }),
    ...(master !== undefined && { master }),
    ...(step.hairpin && { hairpin: step.hairpin }),
  };
  const previous: LinkRequest = {
    ifindex,
    ...(step.up !== undefined && { up }),
    ...(step.mtu !== undefined && { mtu }),
    ...(step.mac !== undefined && mac && { mac }),
    ...(step.alias !== undefined && { alias: alias ?? "" }),
    ...(master !== undefined && { master: before.master ?? NO_MASTER }),
  };
  // Before the change: the kernel may refuse half-way through one.
  scope.undo(what, () => socket.request(changeLink(what, previous)));
  socket.request(changeLink(what, wanted));
  return { ifindex };
}

export function removeLink(step: StepOf<"delete-link">, scope: Scope): Fact {
  scope.learn(step.netns, step.name);
  scope.socket(step.netns).request(deleteLink(describe(step), { name: step.name }));
  return {};
}

/** @throws the first error, if there is one */
function all(outcomes: readonly (KernelError | undefined)[]): void {
  for (const error of outcomes) if (error) throw error;
}
