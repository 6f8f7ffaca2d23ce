/** What packets are written as: a file's bytes, or lines for people. */
import type { Writer } from "../linux/bytes.ts";
import type { Captured, LinkCount, Tapped } from "./types.ts";

export interface Form {
  /** What stands before the first packet. */
  head(out: Writer, tapped: readonly Tapped[]): void;
  packet(out: Writer, packet: Captured): void;
  /** What stands behind the last. */
  tail(out: Writer, counts: readonly LinkCount[], period: Period): void;
  /** Bytes of a tail, to be kept free. */
  tailSize(links: number): number;
}

/** Nanoseconds since the epoch. */
export interface Period {
  readonly began: bigint;
  readonly ended: bigint;
}
