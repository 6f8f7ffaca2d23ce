/** What the DNS's thread and its client tell each other. */
import type { EndpointID, SandboxID } from "../../lib/ids.ts";
import type { WireError } from "../../linux/wire.ts";
import type { DnsEndpoint, DnsSandbox } from "./types.ts";

/** What a thread is started with. */
export interface DnsThreadData {
  /** An eventfd: signalled after a message was posted, since the thread waits for descriptors alone. */
  readonly wake: number;
  /** Not 0 when the thread is to end; signalled as well. */
  readonly stop: Int32Array<SharedArrayBuffer>;
  /** By descriptor, 1 while it is the thread's: who outlives it closes them where it can't. */
  readonly descriptors: Uint8Array<SharedArrayBuffer>;
}

export type Change =
  | { readonly do: "serve"; readonly sandbox: DnsSandbox }
  | { readonly do: "forget"; readonly sandbox: SandboxID }
  | { readonly do: "announce"; readonly endpoints: readonly DnsEndpoint[] }
  | { readonly do: "withdraw"; readonly endpoints: readonly EndpointID[] };

export interface Asked {
  readonly id: number;
  readonly change: Change;
}

export interface Answered {
  readonly id: number;
  readonly error?: WireError;
}
