/** Single values of the daemon's options. All throw `invalid` with what is wrong; the caller names the option. */
import type { AddressPool, ContainerDefaults } from "../engine/settings.ts";
import { invalid } from "../lib/errors.ts";
import {
  type Address,
  firstOf,
  formatPrefix,
  lastOf,
  overlaps,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "../lib/ip.ts";

function asText(element: unknown): string {
  if (typeof element !== "string") throw invalid("a string is wanted");
  return element.trim();
}

export function parseIPv4(text: string): Address {
  const address = parseAddress(text.trim());
  if (address.family !== 4) throw invalid(`${text} is not an IPv4 address`);
  return address;
}

export function parseIPv4Prefix(text: string): Prefix {
  const prefix = parsePrefix(text.trim());
  if (prefix.address.family !== 4) throw invalid(`${text} is not an IPv4 subnet`);
  return prefix;
}

export function parseIPv6(text: string): Address {
  const address = parseAddress(text.trim());
  if (address.family !== 6) throw invalid(`${text} is not an IPv6 address`);
  return address;
}

/** ff00::/8 is multicast's, and fe80::/10 is on every link. */
const UNUSABLE6: readonly Prefix[] = ["ff00::/8", "fe80::/10"].map(parsePrefix);

export function parseIPv6Prefix(text: string): Prefix {
  const prefix = parsePrefix(text.trim());
  if (prefix.address.family !== 6) throw invalid(`${text} is not an IPv6 subnet`);
  const unusable = UNUSABLE6.find((each) => overlaps(each, prefix));
  if (unusable)
    throw invalid(`${text} is not for hosts on a network: it overlaps with ${formatPrefix(unusable)}`);
  if (prefix.length > 126) throw invalid(`${text} leaves no room for containers: at most /126 is wanted`);
  return prefix;
}

/** As `parseBip`; IPv6 has no broadcast address. */
export function parseBip6(text: string): Prefix {
  const prefix = parseIPv6Prefix(text);
  if (prefix.address.bits === firstOf(prefix).bits) {
    throw invalid(`${text} is the subnet itself; the bridge's own address in it is wanted`);
  }
  return prefix;
}

/** The bridge's own address: a host's, in a subnet that has room for others. */
export function parseBip(text: string): Prefix {
  const prefix = parseIPv4Prefix(text);
  if (prefix.length > 30 || prefix.length < 1) {
    throw invalid(`${text} leaves no room for containers: a prefix length between 1 and 30 is wanted`);
  }
  if (prefix.address.bits === firstOf(prefix).bits || prefix.address.bits === lastOf(prefix).bits) {
    throw invalid(`${text} is the subnet itself; the bridge's own address in it is wanted`);
  }
  return prefix;
}

const BINARY_UNITS = "kmgtp";

/** `64M`, `1.5GiB`: bytes, in powers of 1024. */
export function parseMemory(text: string): number {
  const { number, unit = "" } =
    /^(?<number>\d+(\.\d+)?) ?((?<unit>[kmgtp])(i?b)?|b)?$/i.exec(text)?.groups ?? {};
  if (number === undefined) throw invalid(`invalid size: '${text}'`);
  const power = unit === "" ? 0 : BINARY_UNITS.indexOf(unit.toLowerCase()) + 1;
  return Math.trunc(Number(number) * 1024 ** power);
}

/** IFNAMSIZ and dev_valid_name of the kernel; `none` is Docker's word for no bridge. */
export function parseBridgeName(text: string): string {
  if (Buffer.byteLength(text) > 15 || /[\s/:]/.test(text) || text === "." || text === "..") {
    throw invalid(`${text} can't be a link's name: at most 15 bytes, no space, slash or colon`);
  }
  return text;
}

export function parseDns(element: unknown): string {
  const text = asText(element);
  parseAddress(text);
  return text;
}

/** Of either family. */
export const parseHostGateway = (element: unknown): Address => parseAddress(asText(element));

/** `.` stands for no search domain at all, as in Docker. */
export function parseDomain(element: unknown): string {
  const text = asText(element);
  const label = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
  if (text !== "." && (text.length > 253 || !new RegExp(`^${label}(\\.${label})*\\.?$`).test(text))) {
    throw invalid(`${text} is not a valid domain`);
  }
  return text;
}

export function parseDnsOption(element: unknown): string {
  const text = asText(element);
  if (!/^\S+$/.test(text)) throw invalid("an option of resolv.conf(5) is wanted, like ndots:1");
  return text;
}

/** `base=10.10.0.0/16,size=24` or `{"base": "10.10.0.0/16", "size": 24}`. */
export function parsePool(element: unknown): AddressPool {
  const fields =
    typeof element === "string"
      ? Object.fromEntries(element.split(",").map((field) => field.trim().split("=", 2)))
      : (element as Record<string, unknown> | null);
  if (typeof fields !== "object" || fields === null) throw invalid("base=CIDR,size=BITS is wanted");
  for (const name of Object.keys(fields)) {
    if (name !== "base" && name !== "size")
      throw invalid(`unexpected field ${name}: base and size are wanted`);
  }
  const base = parsePrefix(asText(fields.base ?? "").trim());
  const size = Number(fields.size);
  // A subnet has room for its gateway and a container.
  const most = base.address.family === 4 ? 30 : 126;
  if (!Number.isInteger(size) || size < base.length || size > most) {
    throw invalid(`size ${fields.size} is not between the base's ${base.length} and ${most}`);
  }
  return { base: { address: firstOf(base), length: base.length }, size };
}

export function parseLabel(element: unknown): string {
  const text = asText(element);
  if (!/^[^=\s][^=]*=/.test(text)) throw invalid("key=value is wanted");
  return text;
}

/** The same key twice must say the same; said once is enough. @throws invalid */
export function withoutConflicts(labels: readonly string[]): readonly string[] {
  const known = new Map<string, string>();
  for (const label of labels) {
    const key = label.slice(0, label.indexOf("="));
    const other = known.get(key);
    if (other !== undefined && other !== label) throw invalid(`conflict labels for ${label} and ${other}`);
    known.set(key, label);
  }
  return [...known.values()];
}

/** @returns the driver's name, of `native.cgroupdriver=…` */
export function parseCgroupDriver(element: unknown): "cgroupfs" | "systemd" {
  const [name, value] = asText(element).split("=", 2);
  if (name?.toLowerCase() !== "native.cgroupdriver") {
    throw invalid(`unknown option ${name}: there is native.cgroupdriver alone`);
  }
  if (value !== "cgroupfs" && value !== "systemd")
    throw invalid("native.cgroupdriver is cgroupfs or systemd");
  return value;
}

/** `1024:2048` or `1024` of a flag, `{"Name": "nofile", "Soft": 1024, "Hard": 2048}` of a file; -1 is no limit. */
export function parseUlimit(name: string, value: unknown): Ulimit {
  const limit = typeof value === "string" ? fromText(value) : value;
  const { Name = name, Soft, Hard } = (limit ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof Name !== "string" || !ULIMITS.has(Name)) throw invalid(`invalid ulimit type: ${Name}`);
  if (!isLimit(Soft) || !isLimit(Hard)) throw invalid(`${name}: numbers of Soft and Hard are wanted`);
  if (Hard >= 0 && (Soft < 0 || Soft > Hard)) {
    throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  }
  return { Name, Soft, Hard };
}

type Ulimit = NonNullable<ContainerDefaults["ulimits"]>[number];

/** Those of setrlimit(2), as docker names them. */
const ULIMITS = new Set(
  "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

const isLimit = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= -1;

function fromText(text: string): object {
  const { soft, hard = soft } = /^(?<soft>-?\d+)(:(?<hard>-?\d+))?$/.exec(text)?.groups ?? {};
  return { Soft: Number(soft), Hard: Number(hard) };
}

export function parseRegistry(element: unknown): string {
  const text = asText(element);
  if (text === "" || /\s/.test(text)) throw invalid("a registry's host[:port], subnet or URL is wanted");
  return text;
}

export function parseMirror(element: unknown): string {
  const text = asText(element);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    throw invalid("http://… or https://… is wanted");
  if (url.username || url.password || url.search || url.hash) {
    throw invalid("a mirror has no user, query or fragment");
  }
  return text.endsWith("/") ? text : `${text}/`;
}

/** One of a few words. */
export const oneOf =
  <const Word extends string>(words: readonly Word[]) =>
  (text: string): Word => {
    const word = words.find((one) => one === text.toLowerCase());
    if (word === undefined) throw invalid(`one of ${words.join(", ")} is wanted, not ${text}`);
    return word;
  };
