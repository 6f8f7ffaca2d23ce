/**
 * Platforms (`os/architecture[/variant]`), and which image of an index is for which (OCI image spec, "Image
 * Index"; containerd's `platforms` has the words and the order of preference that Docker's users know).
 */
import { invalid } from "../lib/errors.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const ARCHITECTURES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  x64: ["amd64"],
  i386: ["386"],
  ia32: ["386"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

const KNOWN: ReadonlySet<string> = new Set(
  "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split(" "),
);
const SYSTEMS: ReadonlySet<string> = new Set(
  "linux windows darwin freebsd netbsd openbsd solaris".split(" "),
);

/** Where an architecture has variants, those that an image without one is for. */
const USUAL_VARIANT: Readonly<Record<string, string>> = { arm64: "v8", arm: "v7", amd64: "v1" };

function platform(os: string, architecture: string, variant?: string): Platform {
  const [known = architecture, usual] = ARCHITECTURES[architecture] ?? [];
  const given = variant ?? usual;
  return { os, architecture: known, ...(given && { variant: given }) };
}

/** What this machine runs. */
export const hostPlatform = (architecture: string = process.arch): Platform =>
  platform("linux", architecture);

/** `linux`, `arm64`, `linux/arm64`, `linux/arm/v7`. @throws invalid, in containerd's words */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  const odd = parts.find((part) => !/^[a-z0-9_.-]+$/.test(part));
  if (parts.length > 3 || odd !== undefined) {
    throw invalid(`${JSON.stringify(text)}: cannot parse platform specifier: invalid argument`);
  }
  const [first = "", architecture, variant] = parts;
  if (architecture !== undefined) return platform(first, architecture, variant);
  if (SYSTEMS.has(first)) return { ...hostPlatform(), os: first };
  if (KNOWN.has(first) || first in ARCHITECTURES) return platform("linux", first);
  throw invalid(`${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`);
}

/** `linux/amd64`, `linux/arm/v7`; the variant that goes without saying is not said. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  const said = variant && !(architecture === "arm64" && variant === "v8");
  return [os, architecture, ...(said ? [variant] : [])].join("/");
}

const variantOf = ({ architecture, variant }: Platform): number =>
  Number(/\d+/.exec(variant || (USUAL_VARIANT[architecture] ?? ""))?.[0] ?? 0);

/** What else runs there: amd64 runs 386, arm64 runs arm. */
const ALSO: Readonly<Record<string, Platform>> = {
  amd64: { os: "linux", architecture: "386" },
  arm64: { os: "linux", architecture: "arm", variant: "v8" },
};

/** Lower is better; undefined where it does not run at all. */
function distance(wanted: Platform, offered: Platform): number | undefined {
  if (wanted.os !== offered.os) return undefined;
  if (wanted.architecture === offered.architecture) {
    const older = variantOf(wanted) - variantOf(offered);
    return older >= 0 ? older : undefined;
  }
  const also = ALSO[wanted.architecture];
  const further = also && distance({ ...also, os: wanted.os }, offered);
  return further === undefined ? undefined : 100 + further;
}

export const runsOn = (wanted: Platform, offered: Platform): boolean =>
  distance(wanted, offered) !== undefined;

/** The best of `offered` for `wanted`, the first of equals; undefined where none is for it. */
export function choose<T extends { readonly platform?: Platform }>(
  offered: readonly T[],
  wanted: Platform,
): T | undefined {
  const ranked = offered.flatMap((each) => {
    const far = each.platform && distance(wanted, each.platform);
    return far === undefined ? [] : [{ each, far }];
  });
  return ranked.sort((a, b) => a.far - b.far)[0]?.each;
}
