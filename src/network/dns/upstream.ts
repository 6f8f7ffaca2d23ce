/** A try at having one server answer one query. */
import { formatAddress, sameAddress } from "../../lib/ip.ts";
import { KernelError } from "../../linux/ffi.ts";
import { inNamespace } from "../../linux/netns.ts";
import type { NetnsPath } from "../../linux/plan.ts";
import type { Poller } from "../../linux/poller.ts";
import type { SocketAddress } from "../../linux/sockaddr.ts";
import type { Deadlines } from "./deadlines.ts";
import { RESOLVER_ADDRESS, type Upstream } from "./types.ts";

/** What everything on the thread waits with. */
export interface Loop {
  readonly poller: Poller;
  readonly deadlines: Deadlines;
}

/** A query that is passed on: its bytes as they came, but for the id, which each try sets. */
export interface Question {
  readonly message: Buffer;
  /** Where the question ends in it. */
  readonly end: number;
}

/** Told one of the two, once, and not before its `ask` has returned. */
export interface Outcome {
  /** Good until it returns. */
  answered(answer: Buffer): void;
  failed(): void;
}

export interface Attempt {
  /** Neither outcome is told any more. */
  cancel(): void;
}

/** Run `ask`; an attempt that can't be begun fails as any other. */
export function attempt(loop: Loop, outcome: Outcome, ask: () => Attempt): Attempt {
  try {
    return ask();
  } catch (thrown) {
    if (!(thrown instanceof KernelError)) throw thrown;
    loop.deadlines.set(outcome, 0, () => outcome.failed());
    return { cancel: () => loop.deadlines.clear(outcome) };
  }
}

const DNS_PORT = 53;

/** One server, as a sandbox or the host sees it. */
export interface Server {
  readonly peer: SocketAddress;
  /** Run what opens a socket to it where it is to be opened. @throws KernelError */
  readonly open: (make: () => number) => number;
}

export const serverKey = ({ address, port, fromHost }: Upstream): string =>
  `${formatAddress(address)} ${port ?? DNS_PORT} ${fromHost}`;

export function serverOf(upstream: Upstream, netns: NetnsPath): Server {
  return {
    peer: { address: upstream.address, port: upstream.port ?? DNS_PORT },
    open: (make) => inNamespace(upstream.fromHost ? undefined : netns, make),
  };
}

/** The resolver itself, by another way: a query would go round for ever. */
export const isSelf = ({ address, fromHost }: Upstream): boolean =>
  !fromHost && sameAddress(address, RESOLVER_ADDRESS);
