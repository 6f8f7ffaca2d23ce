/**
 * Which registries may be spoken to without TLS or without knowing who signed their certificate, and where
 * docker.io is mirrored (dockerd: `--insecure-registry`, `--registry-mirror`).
 */
import { lookup } from "node:dns/promises";
import { codeOf } from "../lib/errors.ts";
import { type Address, contains, parsePrefix, tryParseAddress } from "../lib/ip.ts";

export interface RegistrySettings {
  /** `host`, `host:port` or CIDR, with or without a scheme. */
  readonly insecureRegistries: readonly string[];
  /** URLs. */
  readonly registryMirrors: readonly string[];
}

/** Everything on the machine itself. */
const LOOPBACK = ["127.0.0.0/8", "::1/128"].map(parsePrefix);

const withoutScheme = (text: string): string => text.replace(/^https?:\/\//i, "").replace(/\/+$/, "");

const isPrefix = (text: string): boolean => text.includes("/");

const prefixesOf = ({ insecureRegistries }: RegistrySettings) => [
  ...LOOPBACK,
  ...insecureRegistries.map(withoutScheme).filter(isPrefix).map(parsePrefix),
];

/** `[::1]:5000` and `host:5000` without their port. */
export const hostOf = (domain: string): string =>
  /^\[([^\]]+)\]/.exec(domain)?.[1] ?? domain.replace(/:\d+$/, "");

/** @param addresses what the registry's name resolves to */
export function isInsecure(
  domain: string,
  addresses: readonly Address[],
  settings: RegistrySettings,
): boolean {
  if (settings.insecureRegistries.map(withoutScheme).includes(domain)) return true;
  return prefixesOf(settings).some((prefix) => addresses.some((address) => contains(prefix, address)));
}

const DOCKER_HUB = "docker.io";

/** A name that does not resolve has no addresses: whoever connects to it tells so. */
async function addressesOf(domain: string): Promise<readonly Address[]> {
  const host = hostOf(domain);
  const literal = tryParseAddress(host);
  if (literal) return [literal];
  try {
    const found = await lookup(host, { all: true });
    return found.flatMap(({ address }) => tryParseAddress(address) ?? []);
  } catch (thrown) {
    if (/^(ENOTFOUND|EAI_|ENODATA)/.test(codeOf(thrown) ?? "")) return [];
    throw thrown;
  }
}

/** Whether `domain` may be insecure; its name is looked up only where its addresses decide. */
export async function trustsBlindly(domain: string, settings: RegistrySettings): Promise<boolean> {
  if (domain === DOCKER_HUB) return false;
  return isInsecure(domain, [], settings) || isInsecure(domain, await addressesOf(domain), settings);
}

/** Where images of `domain` are asked for before the registry itself. */
export const mirrorsOf = (domain: string, { registryMirrors }: RegistrySettings): readonly string[] =>
  domain === DOCKER_HUB ? registryMirrors : [];

/** By host and port, whether what is given by a URL may be insecure: one of plain HTTP is. */
export const mirrorLocation = (url: string): { readonly location: string; readonly plain: boolean } => ({
  location: withoutScheme(url),
  plain: /^http:/i.test(url),
});

/**
 * containers-registries.conf(5), version 2, for one registry.
 * @param insecure of a registry or a mirror, by `host:port`
 */
export function registriesConf(
  domain: string,
  settings: RegistrySettings,
  insecure: (location: string) => boolean,
): string {
  const lines = [
    "unqualified-search-registries = []",
    "[[registry]]",
    `prefix = ${JSON.stringify(domain)}`,
    `location = ${JSON.stringify(domain)}`,
    `insecure = ${insecure(domain)}`,
  ];
  for (const { location, plain } of mirrorsOf(domain, settings).map(mirrorLocation)) {
    const host = location.split("/", 1)[0] ?? location;
    lines.push(
      "[[registry.mirror]]",
      `location = ${JSON.stringify(location)}`,
      `insecure = ${plain || insecure(host)}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
