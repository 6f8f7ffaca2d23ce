/** What the main thread and the kernel's thread say to one another. */
import type { Kernel } from "./kernel.ts";
import type { WireError } from "./wire.ts";

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
