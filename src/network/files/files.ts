/** The files that a sandbox sees as /etc/hosts and /etc/resolv.conf: written at its opening, and kept up to date. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Address } from "../../lib/ip.ts";
import type { Logger } from "../../lib/log.ts";
import { readIfThere } from "../../lib/read-if-there.ts";
import { isDefault } from "../defaults.ts";
import type { Upstream } from "../dns/types.ts";
import { addressesOf } from "../family.ts";
import type { Ledger } from "../ledger.ts";
import { wayOut } from "../sandbox/gateway.ts";
import { linkHosts } from "../sandbox/links.ts";
import { hasResolver } from "../sandbox/names.ts";
import { hasIpv6 } from "../sandbox/plan.ts";
import type { NetworkSettings } from "../settings.ts";
import type { SandboxRecord } from "../state.ts";
import { hostsContent, ownLines, parseExtraHost, replaceLines } from "./hosts.ts";
import {
  embeddedResolvConf,
  formatResolvConf,
  isStub,
  type Overrides,
  parseResolvConf,
  type ResolvConf,
  sandboxResolvConf,
  upstreamsOf,
} from "./resolv-conf.ts";

/** The host's own files. */
export interface HostPaths {
  readonly hosts: string;
  readonly resolvConf: string;
  /** systemd-resolved's list of real upstreams, read where `resolvConf` names its stub alone. */
  readonly resolvedUpstreams: string;
}

export const HOST_PATHS: HostPaths = {
  hosts: "/etc/hosts",
  resolvConf: "/etc/resolv.conf",
  resolvedUpstreams: "/run/systemd/resolve/resolv.conf",
};

export type FilesRequest = Pick<SandboxRecord, "sandbox" | "files">;

export const digestOf = (content: string): string => createHash("sha256").update(content).digest("hex");

const hostsPath = ({ files }: FilesRequest): string => join(files.directory, "hosts");
const resolvConfPath = ({ files }: FilesRequest): string => join(files.directory, "resolv.conf");

export interface ComposerOptions {
  readonly settings: Pick<NetworkSettings, "dns" | "dnsSearch" | "dnsOptions">;
  readonly paths: HostPaths;
  readonly logger: Logger;
  readonly ledger: Ledger;
  /** The host's own addresses as containers see them. */
  readonly hostGateways: () => readonly Address[];
}

/** Composes contents from what the host's files say now. */
export class Composer {
  readonly #options: ComposerOptions;

  constructor(options: ComposerOptions) {
    this.#options = options;
  }

  /** `ipv6`: the sandbox has IPv6, if only on its loopback. */
  hosts(request: FilesRequest, ipv6: boolean): string {
    const { sandbox, files } = request;
    const { paths, hostGateways } = this.#options;
    // With names of its own, a container is free to say something else than the host's file does.
    if (sandbox.mode === "host" && files.extraHosts.length === 0) return readIfThere(paths.hosts) ?? "";
    return hostsContent({
      own: this.ownHosts(request),
      extraHosts: files.extraHosts.map(parseExtraHost),
      hostGateways: hostGateways(),
      ipv6: ipv6 || sandbox.mode === "host",
    });
  }

  /** Lines of hosts(5) for its own name, and for what it is linked to by the default bridge. */
  ownHosts({ sandbox, files }: FilesRequest): readonly string[] {
    const { ledger } = this.#options;
    const addresses = sandbox.endpoints.flatMap(addressesOf);
    const legacy = sandbox.endpoints.filter((endpoint) => isDefault(ledger.networkOf(endpoint)));
    return [
      ...linkHosts({ ...sandbox, endpoints: legacy }, ledger.standing()),
      ...ownLines(files.hostname, files.domainname, addresses),
    ];
  }

  resolvConf(request: FilesRequest): string {
    const { sandbox } = request;
    const { paths, logger, ledger } = this.#options;
    const overrides = this.#overridesOf(request);
    const hostNamespace = sandbox.mode === "host";
    const plain = Object.values(overrides).every((list) => list.length === 0);
    if (hostNamespace && plain) return readIfThere(paths.resolvConf) ?? "";
    const host = this.#hostResolvers(hostNamespace);
    if (hasResolver(sandbox, ledger.networkOf)) return formatResolvConf(embeddedResolvConf(host, overrides));
    const ipv6 = hasIpv6(sandbox.endpoints);
    const { content, fallback } = sandboxResolvConf(host, overrides, { hostNamespace, ipv6 });
    if (fallback) {
      logger.warn(
        { container: sandbox.container },
        `no resolver of ${paths.resolvConf} can be reached from a container: using ${content.nameservers.join(", ")}`,
      );
    }
    return formatResolvConf(content);
  }

  /**
   * Whom the embedded DNS asks for a sandbox. The host's own are asked from there where they are on its loopback, or
   * of a family that the sandbox has no way out by.
   */
  upstreams(request: FilesRequest): readonly Upstream[] {
    const { dns } = this.#overridesOf(request);
    if (dns.length > 0) return upstreamsOf(dns, { fromHost: false });
    const { endpoints } = request.sandbox;
    return upstreamsOf(this.#hostResolvers(false).nameservers, { fromHost: true }).map((upstream) => ({
      ...upstream,
      fromHost: upstream.fromHost || !wayOut(endpoints, upstream.address.family),
    }));
  }

  /** `--dns-option ndots:…`, where it was given. */
  ndots(request: FilesRequest): number | undefined {
    const option = this.#overridesOf(request).dnsOptions.findLast((each) => /^ndots:\d+$/.test(each));
    return option === undefined ? undefined : Number(option.slice("ndots:".length));
  }

  #overridesOf({ files }: FilesRequest): Overrides {
    const { settings } = this.#options;
    return {
      dns: files.dns.length > 0 ? files.dns : settings.dns,
      dnsSearch: files.dnsSearch.length > 0 ? files.dnsSearch : settings.dnsSearch,
      dnsOptions: files.dnsOptions.length > 0 ? files.dnsOptions : settings.dnsOptions,
    };
  }

  #hostResolvers(hostNamespace: boolean): ResolvConf {
    const { paths } = this.#options;
    const own = parseResolvConf(readIfThere(paths.resolvConf) ?? "");
    return !hostNamespace && isStub(own) ? parseResolvConf(readIfThere(paths.resolvedUpstreams) ?? "") : own;
  }
}

export interface FileContents {
  readonly hosts: string;
  readonly resolvConf: string;
}

/** At once: two small files take less than the trips to libuv's threads and back, and an attach waits for them. */
export async function writeFiles(request: FilesRequest, contents: FileContents): Promise<void> {
  writeInPlace(hostsPath(request), contents.hosts);
  writeInPlace(resolvConfPath(request), contents.resolvConf);
}

export async function removeFiles(request: FilesRequest): Promise<void> {
  await Promise.all([hostsPath(request), resolvConfPath(request)].map((path) => rm(path, { force: true })));
}

/**
 * Bring a sandbox's files to what its record says now. What was edited inside stays: a resolv.conf as a whole, of
 * hosts the lines that the engine did not write.
 * @returns the record that knows what was written last
 */
export async function updateFiles(composer: Composer, record: SandboxRecord): Promise<SandboxRecord> {
  const hosts = composer.ownHosts(record);
  await updateHosts(record, hosts);
  const updated = { ...record, ...(record.hosts && { hosts }) };
  return { ...updated, ...(await updateResolvConf(composer, record)) };
}

/** @returns the digest of what the engine wrote last; nothing where it writes none */
export async function updateResolvConf(
  composer: Composer,
  record: SandboxRecord,
): Promise<Pick<SandboxRecord, "resolvConf">> {
  const { resolvConf: written } = record;
  if (written === undefined) return {};
  const path = resolvConfPath(record);
  const wanted = composer.resolvConf(record);
  const current = await readFile(path, "utf8");
  // Another content was edited inside, and is left alone.
  if (current !== wanted && digestOf(current) !== written) return { resolvConf: written };
  if (current !== wanted) writeInPlace(path, wanted);
  return { resolvConf: digestOf(wanted) };
}

/** @returns whether anything had to be changed */
export async function updateHosts(record: SandboxRecord, wanted: readonly string[]): Promise<boolean> {
  const { hosts: written, sandbox } = record;
  if (!written || sandbox.mode === "host" || written.join("\n") === wanted.join("\n")) return false;
  const path = hostsPath(record);
  writeInPlace(path, replaceLines(await readFile(path, "utf8"), written, wanted));
  return true;
}

/** The container has this very file mounted: it keeps its inode. */
const writeInPlace = (path: string, content: string): void =>
  writeFileSync(path, content, { flag: "w", mode: 0o644 });
