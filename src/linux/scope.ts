/** What is open while one plan is carried out: sockets in its namespaces, and the way back. */
import { closeSync } from "node:fs";
import { asError } from "../lib/errors.ts";
import type { EmptyNamespace, EmptyNamespaces } from "./empty-netns.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "./netlink/socket.ts";
import { inNamespace, openNamespace, within } from "./netns.ts";
import type { Nft } from "./nftables/library.ts";
import type { NetnsPath } from "./plan.ts";

/** What outlives a plan: sockets of the engine's own namespace. */
export interface Home {
  readonly route: NetlinkSocket;
  readonly netfilter: NetlinkSocket;
  readonly nft: Nft;
  readonly namespaces: EmptyNamespaces;
}

export class Scope {
  readonly home: Home;
  readonly #sockets = new Map<NetnsPath, NetlinkSocket>();
  readonly #descriptors = new Map<NetnsPath, number>();
  readonly #indexes = new Map<string, number>();
  readonly #reverses: { readonly what: string; readonly reverse: () => void }[] = [];

  constructor(home: Home) {
    this.home = home;
  }

  /** An rtnetlink socket in that namespace; without a path, in the engine's own. @throws KernelError */
  socket(netns: NetnsPath | undefined): NetlinkSocket {
    if (netns === undefined) return this.home.route;
    let socket = this.#sockets.get(netns);
    if (!socket) {
      socket = within(this.descriptor(netns), netns, () => new NetlinkSocket(NETLINK_ROUTE));
      this.#sockets.set(netns, socket);
    }
    return socket;
  }

  /** The namespace at that path, open while the plan lasts. @throws KernelError */
  descriptor(netns: NetnsPath): number {
    let fd = this.#descriptors.get(netns);
    if (fd === undefined) {
      fd = openNamespace(netns);
      this.#descriptors.set(netns, fd);
    }
    return fd;
  }

  /** Run `work` in that namespace, and be back at once. @throws KernelError */
  inside<T>(netns: NetnsPath | undefined, work: () => T extends PromiseLike<unknown> ? never : T): T {
    if (netns === undefined) return inNamespace(undefined, work);
    return within(this.descriptor(netns), netns, work);
  }

  /** A namespace that was made for this plan. */
  adopt(netns: NetnsPath, { fd, route }: EmptyNamespace): void {
    this.#descriptors.set(netns, fd);
    this.#sockets.set(netns, route);
  }

  /** Let go of a namespace, and of what is known of its links. */
  release(netns: NetnsPath): void {
    this.#sockets.get(netns)?.close();
    this.#sockets.delete(netns);
    const fd = this.#descriptors.get(netns);
    if (fd !== undefined) closeSync(fd);
    this.#descriptors.delete(netns);
    this.#indexes.clear();
  }

  /** The index of a link by its name. @throws KernelError ENODEV */
  ifindex(what: string, netns: NetnsPath | undefined, name: string): number {
    const known = this.#indexes.get(key(netns, name));
    if (known !== undefined) return known;
    const found = this.socket(netns).ifindex(what, name);
    this.learn(netns, name, found);
    return found;
  }

  /** Remember the index of a link; without one, forget it. */
  learn(netns: NetnsPath | undefined, name: string, ifindex?: number): void {
    if (ifindex === undefined) this.#indexes.delete(key(netns, name));
    else this.#indexes.set(key(netns, name), ifindex);
  }

  /** Remember how to undo what was just done. */
  undo(what: string, reverse: () => void): void {
    this.#reverses.push({ what, reverse });
  }

  /** Undo all that was done, last first, past failures. @returns those failures */
  unwind(): Error[] {
    const errors: Error[] = [];
    for (let done = this.#reverses.pop(); done; done = this.#reverses.pop()) {
      try {
        done.reverse();
      } catch (thrown) {
        errors.push(new Error(`undo ${done.what}: ${asError(thrown).message}`, { cause: thrown }));
      }
    }
    return errors;
  }

  /** Close what was opened for this plan: an open socket or descriptor keeps a namespace alive. */
  close(): void {
    for (const netns of new Set([...this.#sockets.keys(), ...this.#descriptors.keys()])) this.release(netns);
  }
}

const key = (netns: NetnsPath | undefined, name: string): string => `${netns ?? ""}\0${name}`;
