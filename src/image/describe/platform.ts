/** Which machines an image is for, as OCI names them (GOOS, GOARCH and variant of Go). */
import { arch } from "node:os";
import { invalid } from "../../lib/errors.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** Node's names, and what people write, in OCI's. */
const ARCHITECTURE: Partial<Record<string, string>> = {
  x64: "amd64",
  x86_64: "amd64",
  "x86-64": "amd64",
  ia32: "386",
  i386: "386",
  aarch64: "arm64",
  armhf: "arm",
};
const KNOWN = new Set("amd64 arm64 arm 386 ppc64le s390x riscv64 mips64le loong64".split(" "));

export const hostPlatform = (): Platform => ({
  os: "linux",
  architecture: ARCHITECTURE[arch()] ?? arch(),
});

/** `linux/arm64`, `linux/arm/v7`, `arm64`; the empty string means this host. @throws invalid */
export function parsePlatform(text: string): Platform {
  if (text === "") return hostPlatform();
  const parts = text.toLowerCase().split("/");
  const named = (part: string): string => ARCHITECTURE[part] ?? part;
  if (parts.length === 1 && KNOWN.has(named(text))) return { os: "linux", architecture: named(text) };
  const [os, architecture, variant] = parts;
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9][a-z0-9_.-]*$/.test(part))) {
    throw invalid(`invalid platform: ${text}: it is written os[/architecture[/variant]]`);
  }
  if (os !== "linux") throw invalid(`operating system is not supported: ${os}`);
  return {
    os,
    architecture: architecture === undefined ? hostPlatform().architecture : named(architecture),
    ...(variant !== undefined && { variant }),
  };
}

/** What a machine of a kind is by default (containerd's platforms package: arm64 is v8, arm v7, amd64 v1). */
const PLAIN: Partial<Record<string, string>> = { arm64: "v8", amd64: "v1", arm: "v7" };

/** Whether an image for `offered` is what `wanted` means; a variant that is not said is the plain one. */
export function matchesPlatform(wanted: Platform, offered: Platform): boolean {
  const variant = ({ architecture, variant }: Platform) => variant || PLAIN[architecture];
  return (
    wanted.os === offered.os &&
    wanted.architecture === offered.architecture &&
    variant(wanted) === variant(offered)
  );
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant ? [variant] : [])].join("/");
