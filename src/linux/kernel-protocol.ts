/** What the main thread and the kernel's thread say to one another. */
import process from "node:process";
import type { Kernel } from "./kernel.ts";
import type { NftContext } from "./nftables/library.ts";
import type { WireError } from "./wire.ts";

/**
 * The name of the kernel's thread, which Node gives to the system as well (comm, cut at 15 bytes): by it the
 * kernel's announcements tell the engine's own work from that of others.
 */
export const KERNEL_THREAD = `db-kernel-${process.pid.toString(36)}`;

/** What the thread is started with (`workerData`). */
export interface Given {
  /** Opened by the main thread, and handed from one life of the thread to the next. */
  readonly nft: NftContext;
}

/** A method of `Kernel`, by name. */
export type Call = keyof Kernel;

export interface Asked {
  readonly id: number;
  readonly call: Call;
  readonly args: readonly unknown[];
}

export type Answered =
  /** The thread is there and has its sockets. */
  | { readonly ready: true }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: WireError };
