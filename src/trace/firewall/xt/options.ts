/** The options of one match or target in an iptables-save(8) line, taken one by one by whoever knows them. */
import { invalid } from "../../../lib/errors.ts";
import { type Address, addressBytes, type Family, tryParseAddress } from "../../../lib/ip.ts";

import { protocolNumber } from "./protocols.ts";
import { option, quoted } from "./words.ts";

/** `! --dport 80`: its name without dashes. */
export interface Option {
  readonly name: string;
  readonly not: boolean;
  readonly args: readonly string[];
}

export class Options {
  readonly #left: Option[];
  /** `-m tcp`, for complaints. */
  readonly #of: string;

  constructor(of: string, options: readonly Option[]) {
    this.#of = of;
    this.#left = [...options];
  }

  /** The option of one of these names, if it was given. */
  take(...names: readonly string[]): Option | undefined {
    const index = this.#left.findIndex(({ name }) => names.includes(name));
    return index < 0 ? undefined : this.#left.splice(index, 1)[0];
  }

  /** Whether it was given, and takes nothing. */
  flag(...names: readonly string[]): boolean {
    return this.take(...names) !== undefined;
  }

  /** The first word of an option that has to be there. @throws invalid */
  must(...names: readonly string[]): Option & { readonly value: string } {
    const option = this.take(...names);
    if (!option) throw this.wrong(`--${names[0]} is missing`);
    return { ...option, value: this.valueOf(option) };
  }

  /** The first word that an option takes. @throws invalid */
  valueOf(option: Option): string {
    const [value] = option.args;
    if (value === undefined) throw this.wrong(`--${option.name} takes a value`);
    return value;
  }

  /** A number, decimal or hexadecimal. @throws invalid past `most` */
  number(text: string, most = 0xffffffff): number {
    const value = /^(0x[0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= most)) throw this.wrong(`${text} is no number up to ${most}`);
    return value;
  }

  /** `80`, `80:90`, `:90`, `80:`; other separators where told. @throws invalid */
  range(text: string, most = 0xffff, separator = ":"): [number, number] {
    const [first = "", last, ...more] = text.split(separator);
    if (more.length > 0) throw this.wrong(`${text} is no range`);
    const low = first === "" && last !== undefined ? 0 : this.number(first, most);
    return [low, last === undefined ? low : last === "" ? most : this.number(last, most)];
  }

  /** `0x1/0xff`, or a value alone for all bits. @throws invalid */
  masked(text: string, most = 0xffffffff): { readonly value: number; readonly mask: number } {
    const [value = "", mask] = text.split("/");
    return { value: this.number(value, most), mask: mask === undefined ? most : this.number(mask, most) };
  }

  /** @throws invalid */
  address(text: string, family: Family): Uint8Array {
    const address: Address | undefined = tryParseAddress(text);
    if (address?.family !== family) throw this.wrong(`${text} is no IPv${family} address`);
    return addressBytes(address);
  }

  /** A protocol's number, or its name. @throws invalid */
  protocol(text: string): number {
    return protocolNumber(text) ?? this.number(text, 0xffff);
  }

  /** Of names with numbers. @throws invalid */
  oneOf(text: string, names: Readonly<Record<string, number>>): number {
    const number = names[text.toLowerCase()];
    if (number === undefined) throw this.wrong(`${text} is none of ${Object.keys(names).join(", ")}`);
    return number;
  }

  /** @throws invalid where something is left that nobody took */
  end(): void {
    const [left] = this.#left;
    if (left) throw this.wrong(`unknown option --${left.name}`);
  }

  /** All that is left, as words. Only what would be split is quoted: how it was written is not known any more. */
  rest(): string[] {
    const word = (text: string) => (text === "" || /[\s"'\\]/.test(text) ? quoted(text) : text);
    return this.#left.splice(0).flatMap(({ name, not, args }) => option(name, not, ...args.map(word)));
  }

  wrong(why: string): Error {
    return invalid(`${this.#of}: ${why}`);
  }
}
