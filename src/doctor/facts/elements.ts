/** What stands in the named sets of Drawbridge's own tables: `network/firewall/elements.ts` says what they are for. */
import { type Address, addressFromBytes, type Mac, macFromBytes } from "../../lib/ip.ts";
import type { NftElement } from "../../linux/nftables/program.ts";
import { IFNAMSIZ } from "../../linux/socket-constants.ts";
import type { Namespace } from "../../observe/types.ts";

const TABLES = {
  inet: { family: "inet", name: "drawbridge" },
  guard: { family: "bridge", name: "drawbridge-guard" },
} as const;
export type OwnTable = keyof typeof TABLES;

const REGISTER = 4;

/** Elements of a set; undefined where it is not there. */
export const elementsOf = (
  host: Namespace,
  table: OwnTable,
  set: string,
): readonly NftElement[] | undefined =>
  host.nft.tables
    .find(({ family, name }) => family === TABLES[table].family && name === TABLES[table].name)
    ?.sets.get(set)
    ?.elements();

/** Reads a key part by part: each is padded to whole registers. */
export class Parts {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  #take(length: number): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += Math.ceil(length / REGISTER) * REGISTER;
    return part;
  }

  link(): string {
    const text = Buffer.from(this.#take(IFNAMSIZ)).toString("latin1");
    return text.replace(/\0.*$/s, "");
  }

  mac(): Mac {
    return macFromBytes(this.#take(6));
  }

  address(family: 4 | 6): Address {
    return addressFromBytes(this.#take(family === 4 ? 4 : 16));
  }

  /** inet_proto, nf_proto. */
  number(): number {
    return this.#take(1)[0] ?? 0;
  }

  port(): number {
    const [high = 0, low = 0] = this.#take(2);
    return high * 256 + low;
  }
}
