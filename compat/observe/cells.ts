/** Who is asked to reach whom: FEATURES' matrix as words of `drawbridge trace`, and as real connections beside them. */
import type { Place, Target } from "../../test/support/probe.ts";
import { hostPlace, type Lab, outsidePlace } from "./lab.ts";

export interface Cell {
  readonly from: Place;
  /** TO of the command line, with its port. */
  readonly to: string;
  /** Of two families the one that is meant. */
  readonly flag: "-4" | "-6";
  readonly target: Target;
}

export const UPLINK = "203.0.113.2";
const BEYOND = "203.0.113.1";

const wordOf = (to: string, port: number, protocol: "tcp" | "udp"): string =>
  `${to.includes(":") ? `[${to}]` : to}:${port}${protocol === "udp" ? "/udp" : ""}`;

export function cellsOf({ host: machine, parties }: Lab): readonly Cell[] {
  const [host, outside] = [hostPlace(machine), outsidePlace(machine)];
  const all = Object.values(parties).filter(({ name }) => name !== "hosted");
  const find = (name: string) => all.find((one) => one.name === name);
  const cell = (
    from: Place | undefined,
    to: string | undefined,
    address: string | undefined,
    port: number,
    protocol: "tcp" | "udp" = "tcp",
  ): readonly Cell[] =>
    from && to && address
      ? [
          {
            from,
            flag: address.includes(":") ? "-6" : "-4",
            to: wordOf(to, port, protocol),
            target: { protocol, address, port },
          },
        ]
      : [];
  const between6 = (from: Place | undefined, name: string) =>
    cell(from, find(name)?.name, find(name)?.address6, 80);
  const between = (from: Place | undefined, name: string, port = 80, protocol: "tcp" | "udp" = "tcp") =>
    cell(from, find(name)?.name, find(name)?.address, port, protocol);
  const at = (from: Place | undefined, address: string | undefined, port: number, protocol?: "tcp" | "udp") =>
    cell(from, address, address, port, protocol);
  const [plain1, a1, a2, b1, s1, s2, i1] = ["plain1", "a1", "a2", "b1", "s1", "s2", "i1"].map(find);
  return [
    ...all.flatMap((from) =>
      ["plain2", "a2", "b1", "s2", "i2"].flatMap((to) => (from.name === to ? [] : between(from, to))),
    ),
    ...between(a1, "a2", 80, "udp"),
    ...between(a1, "a2", 82),
    ...between(b1, "a2", 80, "udp"),
    ...["plain1", "a1", "a2", "b1", "s1", "i1"].flatMap((to) => [
      ...between(host, to),
      ...between(outside, to),
      ...at(find(to), BEYOND, 80),
      ...at(find(to), find(to)?.gateway, 99),
      ...at(find(to), UPLINK, 8080),
    ]),
    ...between(outside, "a2", 80, "udp"),
    ...at(a1, BEYOND, 80, "udp"),
    ...[host, outside, b1, plain1, a2].flatMap((from) => [
      ...at(from, UPLINK, 8080, "udp"),
      ...at(from, UPLINK, 8081),
      ...at(from, UPLINK, 8082),
      ...at(from, a2?.gateway, 8080),
    ]),
    ...at(host, UPLINK, 8080),
    ...at(outside, UPLINK, 8080),
    ...at(outside, UPLINK, 8083),
    ...at(outside, UPLINK, 8090),
    ...at(outside, UPLINK, 99),
    ...at(outside, UPLINK, 7),
    ...at(s1, s2?.gateway, 8083),
    ...at(find("plain2"), UPLINK, 8090),
    ...at(host, "127.0.0.1", 8080),
    ...at(host, "127.0.0.1", 8082),
    ...at(i1, a2?.gateway, 8080),
    ...[host, outside, a2, b1, plain1].flatMap((from) => between6(from, "a1")),
    ...[a1, b1].flatMap((from) => [...at(from, "2001:db8::1", 80), ...at(from, "2001:db8::2", 99)]),
    // Nobody has that address.
    ...at(a1, "203.0.113.77", 80),
  ];
}
