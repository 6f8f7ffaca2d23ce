/**
 * How each step of a plan is carried out. As soon as something was done, its reverse is left in the
 * scope, so that a step that fails half-way is undone as well.
 *
 * Requests that depend on one another go in separate sends: the kernel carries on past a refused
 * message, and what follows a name that turned out to be taken would happen to somebody else's link.
 */
import { KernelError } from "./ffi.ts";
import type { Link, LinkAddress } from "./kernel.ts";
import { pinNamespace, unpinNamespace } from "./netns.ts";
import { addElement, deleteElement, TRANSACTION } from "./nftables/element.ts";
import { describe, type Fact, type Step } from "./plan.ts";
import { addAddress, askAddresses, deleteAddress, readLinkAddress } from "./rtnetlink/address.ts";
import {
  askLink,
  askPair,
  changeLink,
  createLink,
  deleteLink,
  type LinkRequest,
  touchLink,
} from "./rtnetlink/link.ts";
import { addRoute, deleteRoute, RT_TABLE_MAIN, RTN_UNICAST } from "./rtnetlink/route.ts";
import type { Scope } from "./scope.ts";
import { exchangeSysctl } from "./sysctl.ts";

type StepOf<Do extends Step["do"]> = Extract<Step, { readonly do: Do }>;

const EADDRNOTAVAIL = 99;
const ENODEV = 19;
const RT_SCOPE_GLOBAL = 0;
/** Of IFLA_MASTER: to be a port no more. */
const NO_MASTER = 0;

/** Carry out one step. @throws KernelError, or an EngineError of nft or of a bad sysctl key */
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
    case "set-sysctl":
      return setSysctl(step, scope);
    case "nft":
      return nft(step, scope);
    case "add-elements":
      return addElements(step, scope);
    case "delete-elements":
      return deleteElements(step, scope);
  }
}

function addNetns(step: StepOf<"add-netns">, scope: Scope): Fact {
  const namespace = scope.home.namespaces.take(step.sysctls ?? {});
  // Before it is pinned: the scope closes what it has open, whatever happens.
  scope.adopt(step.path, namespace);
  pinNamespace(namespace.fd, step.path);
  scope.undo(describe(step), () => {
    scope.release(step.path);
    unpinNamespace(step.path);
  });
  return {};
}

function removeNetns(step: StepOf<"remove-netns">, scope: Scope): Fact {
  scope.release(step.path);
  unpinNamespace(step.path);
  return {};
}

function addBridge(step: StepOf<"add-bridge">, scope: Scope): Fact {
  const what = describe(step);
  const { name, mac, mtu } = step;
  scope.home.route.request(
    createLink(what, { kind: "bridge", name, mtu, noLinkLocalLearn: true, ...(mac && { mac }) }),
  );
  undoLink(what, name, scope);
  return { ifindex: scope.ifindex(what, undefined, name) };
}

function addVeth(step: StepOf<"add-veth">, scope: Scope): Fact {
  const what = describe(step);
  const { name, mac, mtu, up, peer, alias } = step;
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
  undoLink(what, name, scope);
  // Asking for an end brings its carrier up to date, and with it the bridge port: the first packet passes.
  let fact: Fact = {};
  const raised = changeLink(what, { name: peer.name, ...(up && { up }) });
  const hear = (peerIfindex: number, ifindex: number | undefined) => {
    fact = { peerIfindex, ...(ifindex !== undefined && { ifindex }) };
  };
  all(scope.socket(peer.netns).transact([raised, askPair(what, peer.name, hear)]));
  const labelled = changeLink(what, { name, ...(alias !== undefined && { alias }) });
  all(scope.home.route.transact([labelled, touchLink(what, { name })]));
  scope.learn(undefined, name, fact.ifindex);
  scope.learn(peer.netns, peer.name, fact.peerIfindex);
  return fact;
}

function undoLink(what: string, name: string, scope: Scope): void {
  scope.undo(what, () => {
    scope.learn(undefined, name);
    scope.home.route.request(deleteLink(`delete link ${name}`, { name }));
  });
}

function setLink(step: StepOf<"set-link">, scope: Scope): Fact {
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

function removeLink(step: StepOf<"delete-link">, scope: Scope): Fact {
  scope.learn(undefined, step.name);
  scope.home.route.request(deleteLink(describe(step), { name: step.name }));
  return {};
}

function giveAddress(step: StepOf<"add-address">, scope: Scope): Fact {
  const what = describe(step);
  const { netns, address, broadcast } = step;
  const link: LinkAddress = {
    ifindex: scope.ifindex(what, netns, step.link),
    address,
    scope: RT_SCOPE_GLOBAL,
    ...(broadcast && { broadcast }),
  };
  // Nobody else is in a sandbox's network yet, and a container can't wait for the answer.
  scope.socket(netns).request(addAddress(what, link, netns !== undefined));
  scope.undo(what, () => scope.socket(netns).request(deleteAddress(what, link)));
  return {};
}

function takeAddress(step: StepOf<"delete-address">, scope: Scope): Fact {
  const what = describe(step);
  const { netns, address } = step;
  const socket = scope.socket(netns);
  const ifindex = scope.ifindex(what, netns, step.link);
  const [standing] = socket.dump(askAddresses(what), (message) => {
    const told = readLinkAddress(message.payload);
    const same =
      told?.ifindex === ifindex &&
      told.address.length === address.length &&
      told.address.address.family === address.address.family &&
      told.address.address.bits === address.address.bits;
    return same ? told : undefined;
  });
  if (!standing) throw new KernelError(what, EADDRNOTAVAIL);
  socket.request(deleteAddress(what, standing));
  scope.undo(what, () => scope.socket(netns).request(addAddress(what, standing, netns !== undefined)));
  return {};
}

function giveRoute(step: StepOf<"add-route">, scope: Scope): Fact {
  const what = describe(step);
  const { netns, to, via, link } = step;
  const route = {
    to,
    ...(via && { via }),
    ...(link !== undefined && { ifindex: scope.ifindex(what, netns, link) }),
    table: RT_TABLE_MAIN,
    type: RTN_UNICAST,
  };
  scope.socket(netns).request(addRoute(what, route));
  scope.undo(what, () => scope.socket(netns).request(deleteRoute(what, route)));
  return {};
}

function setSysctl(step: StepOf<"set-sysctl">, scope: Scope): Fact {
  const { netns, key, value } = step;
  const previous = scope.inside(netns, () => exchangeSysctl(key, value));
  if (previous !== value) {
    if (netns === undefined) scope.home.namespaces.discard();
    scope.undo(describe(step), () => scope.inside(netns, () => exchangeSysctl(key, previous)));
  }
  return { previous };
}

function nft(step: StepOf<"nft">, scope: Scope): Fact {
  scope.home.nft.run(step.about, step.add);
  scope.undo(step.about, () => {
    if (step.remove !== "") scope.home.nft.run(step.about, step.remove);
  });
  return {};
}

function addElements({ about, elements }: StepOf<"add-elements">, scope: Scope): Fact {
  const { netfilter } = scope.home;
  netfilter.batch(
    elements.map((element) => addElement(about, element)),
    TRANSACTION,
  );
  scope.undo(about, () =>
    netfilter.batch(
      elements.map((element) => deleteElement(about, element)),
      TRANSACTION,
    ),
  );
  return {};
}

function deleteElements({ about, elements }: StepOf<"delete-elements">, scope: Scope): Fact {
  const { netfilter } = scope.home;
  netfilter.batch(
    elements.map((element) => deleteElement(about, element)),
    TRANSACTION,
  );
  scope.undo(about, () =>
    netfilter.batch(
      elements.map((element) => addElement(about, element)),
      TRANSACTION,
    ),
  );
  return {};
}

/** @throws the first error, if there is one */
function all(outcomes: readonly (KernelError | undefined)[]): void {
  for (const error of outcomes) if (error) throw error;
}
