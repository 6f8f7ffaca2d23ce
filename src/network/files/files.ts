/** The files that a sandbox sees as /etc/hosts and /etc/resolv.conf: written at its opening, and kept up to date. */

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../lib/errors.ts";
import type { Address } from "../../lib/ip.ts";
import type { Logger } from "../../lib/log.ts";
import type { NetworkSettings } from "../settings.ts";
import type { SandboxRecord } from "../state.ts";
import { hostsContent, parseExtraHost } from "./hosts.ts";
import { formatResolvConf, isStub, parseResolvConf, sandboxResolvConf } from "./resolv-conf.ts";

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

export type FilesRequest = Omit<SandboxRecord, "resolvConf">;

export const digestOf = (content: string): string => createHash("sha256").update(content).digest("hex");

const hostsPath = ({ files }: FilesRequest): string => join(files.directory, "hosts");
const resolvConfPath = ({ files }: FilesRequest): string => join(files.directory, "resolv.conf");

/** Composes contents from what the host's files say now. */
export class Composer {
  readonly #settings: NetworkSettings;
  readonly #paths: HostPaths;
  readonly #logger: Logger;

  constructor(settings: NetworkSettings, paths: HostPaths, logger: Logger) {
    this.#settings = settings;
    this.#paths = paths;
    this.#logger = logger;
  }

  /** `ipv6`: the sandbox has IPv6, if only on its loopback. */
  hosts(request: FilesRequest, hostGateway: Address | undefined, ipv6: boolean): string {
    const { sandbox, files } = request;
    // With names of its own, a container is free to say something else than the host's file does.
    if (sandbox.mode === "host" && files.extraHosts.length === 0) return readIfThere(this.#paths.hosts);
    return hostsContent({
      hostname: files.hostname,
      domainname: files.domainname,
      addresses: sandbox.endpoints.flatMap(({ address }) => address?.address ?? []),
      extraHosts: files.extraHosts.map(parseExtraHost),
      hostGateway,
      ipv6: ipv6 || sandbox.mode === "host",
    });
  }

  resolvConf(request: FilesRequest): string {
    const { sandbox, files } = request;
    const overrides = {
      dns: files.dns.length > 0 ? files.dns : this.#settings.dns,
      dnsSearch: files.dnsSearch.length > 0 ? files.dnsSearch : this.#settings.dnsSearch,
      dnsOptions: files.dnsOptions.length > 0 ? files.dnsOptions : this.#settings.dnsOptions,
    };
    const text = readIfThere(this.#paths.resolvConf);
    const hostNamespace = sandbox.mode === "host";
    if (hostNamespace && Object.values(overrides).every((list) => list.length === 0)) return text;
    const own = parseResolvConf(text);
    const host =
      !hostNamespace && isStub(own) ? parseResolvConf(readIfThere(this.#paths.resolvedUpstreams)) : own;
    const { content, fallback } = sandboxResolvConf(host, overrides, { hostNamespace, ipv6: false });
    if (fallback) {
      this.#logger.warn(
        { container: sandbox.container },
        `no resolver of ${this.#paths.resolvConf} can be reached from a container: using ${content.nameservers.join(", ")}`,
      );
    }
    return formatResolvConf(content);
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
 * Bring a sandbox's resolv.conf to `wanted`, unless it was edited inside: then its digest isn't `written`.
 * @returns the digest of what the engine wrote last
 */
export async function updateResolvConf(
  request: FilesRequest,
  written: string,
  wanted: string,
): Promise<string> {
  const path = resolvConfPath(request);
  const current = await readFile(path, "utf8");
  if (current === wanted) return digestOf(wanted);
  if (digestOf(current) !== written) return written;
  writeInPlace(path, wanted);
  return digestOf(wanted);
}

/** The container has this very file mounted: it keeps its inode. */
const writeInPlace = (path: string, content: string): void =>
  writeFileSync(path, content, { flag: "w", mode: 0o644 });

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    // A host without the file has nothing to say.
    if (codeOf(thrown) === "ENOENT") return "";
    throw thrown;
  }
}
