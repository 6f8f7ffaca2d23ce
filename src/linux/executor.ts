/** Carries out plans: the one place where the engine changes the kernel's networking. */
import { asError, EngineError, messageOf } from "../lib/errors.ts";
import { ConnectionForgetter } from "./conntrack/forgetter.ts";
import { EmptyNamespaces } from "./empty-netns.ts";
import { KernelError } from "./ffi.ts";
import type { ConnectionFilter, Link, LinkAddress, LinkTraffic, Neighbour, Route } from "./kernel.ts";
import { deleteLinkIn, LinkDeleter } from "./link-deleter.ts";
import type { Message } from "./netlink/message.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket, type Request } from "./netlink/socket.ts";
import { closeHome, inNamespace } from "./netns.ts";
import { Nft, type NftContext } from "./nftables/library.ts";
import { describe, type Fact, type NetnsPath, type Plan, type Step } from "./plan.ts";
import { askAddresses, readLinkAddress } from "./rtnetlink/address.ts";
import { askLinks, readLink } from "./rtnetlink/link.ts";
import { askNeighbours, readNeighbour } from "./rtnetlink/neighbour.ts";
import { askRoutes, readRoute } from "./rtnetlink/route.ts";
import { askTraffic, readTraffic } from "./rtnetlink/traffic.ts";
import { type Home, Scope } from "./scope.ts";
import { clearElements } from "./steps/firewall.ts";
import { carryOut } from "./steps.ts";
import { readSysctl } from "./sysctl.ts";

/** How the kernel says that a thing isn't there: file, link, address, route. */
const GONE = new Set(["ENOENT", "ENODEV", "EADDRNOTAVAIL", "ESRCH"]);

/**
 * It works within its caller, on a thread where that may block (`kernel-worker.ts`), and acts on the
 * namespace that this thread is in when it is made.
 */
export class Executor {
  readonly #home: Home;
  readonly #deleter = new LinkDeleter();
  readonly #forgetter = new ConnectionForgetter();
  #closed = false;
  #released = false;

  /** @param nft of the same namespace; the caller closes it. @throws KernelError */
  constructor(nft: NftContext) {
    this.#home = {
      route: new NetlinkSocket(NETLINK_ROUTE),
      netfilter: new NetlinkSocket(NETLINK_NETFILTER),
      nft: new Nft(nft),
      namespaces: new EmptyNamespaces(),
    };
  }

  /** As `Kernel.apply`. What `delete-link` and `remove-netns` took away does not come back. */
  apply(plan: Plan): Fact[] {
    const scope = new Scope(this.#home);
    try {
      return plan.map((step) => named(step, () => carryOut(step, scope)));
    } catch (thrown) {
      const errors = scope.unwind();
      if (errors.length > 0) throw new AggregateError([thrown, ...errors], messageOf(thrown));
      throw thrown;
    } finally {
      scope.close();
    }
  }

  /** Do beforehand what the next plan of this kind can use. For idle moments. @throws KernelError; invalid */
  prepareAfter(plan: Plan): void {
    const made = plan.find((step) => step.do === "add-netns");
    if (made && !this.#closed) this.#home.namespaces.prepare(made);
  }

  /** As `Kernel.dismantle`. Links are deleted alongside the other steps. */
  async dismantle(plan: Plan): Promise<void> {
    const scope = new Scope(this.#home);
    const errors: Error[] = [];
    const failed = (thrown: unknown) => {
      if (!isGone(thrown)) errors.push(asError(thrown));
    };
    const deletions = this.#deleteLinksOf(plan).map((deletion) => deletion.catch(failed));
    try {
      for (const step of plan.flatMap(oneByOne)) {
        if (step.do === "delete-link") continue;
        try {
          if (step.do === "delete-elements") clearElements(step, scope);
          else named(step, () => carryOut(step, scope));
        } catch (thrown) {
          failed(thrown);
        }
      }
    } finally {
      scope.close();
    }
    await Promise.all(deletions);
    if (errors.length > 0) throw new AggregateError(errors, errors.map((error) => error.message).join("; "));
  }

  deleteLinks(names: readonly string[]): Promise<void> {
    return this.#deleter.delete(names);
  }

  /** Begin to delete the links of a plan: those of the engine's namespace together, others each where it is. */
  #deleteLinksOf(plan: Plan): Promise<void>[] {
    const steps = plan.filter((step) => step.do === "delete-link");
    const own = steps.filter(({ netns }) => netns === undefined).map(({ name }) => name);
    const others = steps.flatMap(({ netns, name }) => (netns === undefined ? [] : [{ netns, name }]));
    return [this.#deleter.delete(own), ...others.map(deleteLinkIn)];
  }

  links = (netns?: NetnsPath): Link[] => this.#dump(netns, askLinks("list links"), readLink);

  traffic = (netns?: NetnsPath): LinkTraffic[] =>
    this.#dump(netns, askTraffic("count the traffic of links"), readTraffic);

  addresses = (netns?: NetnsPath): LinkAddress[] =>
    this.#dump(netns, askAddresses("list addresses"), readLinkAddress);

  routes = (netns?: NetnsPath): Route[] => this.#dump(netns, askRoutes("list routes"), readRoute);

  neighbours = (netns?: NetnsPath): Neighbour[] =>
    this.#dump(netns, askNeighbours("list neighbours"), readNeighbour);

  nft(commands: string, output?: "text" | "json"): string {
    return this.#home.nft.run("nft", commands, output);
  }

  forgetConnections(filters: readonly ConnectionFilter[]): Promise<number> {
    return this.#forgetter.forget(filters);
  }

  readSysctl(key: string, netns?: NetnsPath): string {
    return inNamespace(netns, () => readSysctl(key));
  }

  /** Once what runs alongside is done. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#deleter.close(), this.#forgetter.close()]);
    this.release();
  }

  /** At once, whatever is under way: descriptors outlive the thread that opened them. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#deleter.release();
    this.#forgetter.release();
    this.#home.namespaces.discard();
    this.#home.route.close();
    this.#home.netfilter.close();
    closeHome();
  }

  #dump<T>(
    netns: NetnsPath | undefined,
    request: Request,
    read: (payload: Uint8Array) => T | undefined,
  ): T[] {
    const decode = (message: Message) => read(message.payload);
    if (netns === undefined) return this.#home.route.dump(request, decode);
    const socket = inNamespace(netns, () => new NetlinkSocket(NETLINK_ROUTE));
    try {
      return socket.dump(request, decode);
    } finally {
      socket.close();
    }
  }
}

/**
 * A step whose parts are to be removed whether or not the others are there: a transaction with one that is
 * gone would remove nothing.
 */
function oneByOne(step: Step): Step[] {
  if (step.do !== "nft") return [step];
  const commands = step.add.split("\n").filter((line) => line.trim() !== "");
  if (!commands.every((line) => /^\s*delete element\b/.test(line))) return [step];
  return commands.map((add) => ({ ...step, add }));
}

/** Run `work`; an error of the kernel names the step. */
function named<T>(step: Step, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const what = describe(step);
    if (!(thrown instanceof KernelError) || thrown.what === what) throw thrown;
    throw new KernelError(
      what,
      thrown.errno,
      thrown.detail ? `${thrown.what}: ${thrown.detail}` : thrown.what,
    );
  }
}

/** Whether an error says that what was to be removed isn't there. */
function isGone(thrown: unknown): boolean {
  if (thrown instanceof KernelError) return GONE.has(thrown.code);
  // nft has no other way to say it; without setlocale its messages are in English.
  return thrown instanceof EngineError && thrown.message.includes("No such file or directory");
}
