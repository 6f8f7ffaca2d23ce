/** A capture as lines for people: `12:34:56.789012 web:eth0 out IP web.34567 > db.80: Flags [S], …`. */
import type { Writer } from "../../linux/bytes.ts";
import type { Form } from "../form.ts";
import { linkTypeOf, RAW_IP } from "../link-types.ts";
import type { NameOf } from "../names.ts";
import type { Captured, Tapped } from "../types.ts";
import { describeEthernet, describeRaw } from "./frame.ts";
import { harmless } from "./text.ts";

const encoder = new TextEncoder();

/** The clock on the wall, to the microsecond. */
function timeOf(at: bigint): string {
  const time = new Date(Number(at / 1_000_000n));
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()];
  const micros = (at / 1000n) % 1_000_000n;
  const two = (part: number) => String(part).padStart(2, "0");
  return `${clock.map(two).join(":")}.${String(micros).padStart(6, "0")}`;
}

/** `web:eth0`; of a link that leads to a container, `host:veth1a2b(web)`. */
export const labelOf = ({ place, name, container }: Tapped): string =>
  harmless(
    container === undefined || container === place ? `${place}:${name}` : `${place}:${name}(${container})`,
  );

/** Without a line's end. @param width of the column of links */
export function lineOf({ tapped, at, way, bytes }: Captured, nameOf: NameOf, width = 0): string {
  const raw = linkTypeOf(tapped.hardware, tapped.name) === RAW_IP;
  const what = raw ? describeRaw(bytes, nameOf) : describeEthernet(bytes, nameOf);
  return `${timeOf(at)} ${labelOf(tapped).padEnd(width)} ${way.padEnd(3)} ${what}`;
}

export class Lines implements Form {
  readonly #nameOf: NameOf;
  #width = 0;

  constructor(nameOf: NameOf) {
    this.#nameOf = nameOf;
  }

  head(_out: Writer, tapped: readonly Tapped[]): void {
    this.#width = Math.max(...tapped.map((one) => labelOf(one).length));
  }

  packet(out: Writer, packet: Captured): void {
    out.bytes(encoder.encode(`${lineOf(packet, this.#nameOf, this.#width)}\n`));
  }

  tail(): void {}

  tailSize(): number {
    return 0;
  }
}
