/** A capture as a pcapng file: Wireshark's own, with what links and addresses are called. */
import { release } from "node:os";
import type { Address } from "../../lib/ip.ts";
import { packageVersion } from "../../lib/version.ts";
import type { Writer } from "../../linux/bytes.ts";
import type { Form, Period } from "../form.ts";
import { linkTypeOf } from "../link-types.ts";
import type { Captured, LinkCount, Tapped } from "../types.ts";
import {
  putInterface,
  putNames,
  putPacket,
  putSectionHeader,
  putStatistics,
  STATISTICS_SIZE,
} from "./blocks.ts";
import { flagsOf } from "./flags.ts";

export interface PcapngOptions {
  readonly snapLength: number;
  /** In libpcap's syntax; told in the file. */
  readonly filter?: string;
  readonly names: Iterable<readonly [Address, string]>;
}

export class Pcapng implements Form {
  readonly #options: PcapngOptions;
  readonly #ids = new Map<Tapped, number>();

  constructor(options: PcapngOptions) {
    this.#options = options;
  }

  head(out: Writer, tapped: readonly Tapped[]): void {
    const os = `Linux ${release()}`;
    putSectionHeader(out, { application: `Drawbridge ${packageVersion()}`, os });
    const { snapLength, filter, names } = this.#options;
    for (const one of tapped) {
      this.#ids.set(one, this.#ids.size);
      putInterface(out, {
        linkType: linkTypeOf(one.hardware, one.name).inFiles,
        snapLength,
        name: `${one.place}:${one.name}`,
        description: one.comment,
        comment: one.container ?? one.place,
        addresses: one.addresses,
        ...(one.mac !== undefined && { mac: one.mac }),
        ...(filter !== undefined && { filter }),
        os,
      });
    }
    putNames(out, names);
  }

  packet(out: Writer, packet: Captured): void {
    const { at, bytes, length } = packet;
    putPacket(out, { interface: this.#idOf(packet.tapped), at, bytes, length, flags: flagsOf(packet) });
  }

  tail(out: Writer, counts: readonly LinkCount[], { began, ended }: Period): void {
    for (const { tapped, packets, dropped } of counts) {
      putStatistics(out, { interface: this.#idOf(tapped), began, at: ended, received: packets, dropped });
    }
  }

  tailSize(links: number): number {
    return links * STATISTICS_SIZE;
  }

  #idOf(tapped: Tapped): number {
    const id = this.#ids.get(tapped);
    if (id === undefined) throw new Error(`${tapped.place}:${tapped.name} was not described`);
    return id;
  }
}
