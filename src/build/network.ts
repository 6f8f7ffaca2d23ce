/** What a RUN step reaches: a sandbox on the default bridge, nothing, the host's network, or a container's. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { invalid } from "../lib/errors.ts";
import { type ContainerID, newId } from "../lib/ids.ts";
import { readIfThere } from "../lib/read-if-there.ts";
import type { Networks, Sandbox } from "../network/types.ts";

export interface BuildNetwork {
  /** For the builder's command line. */
  readonly flags: readonly string[];
  close(): Promise<void>;
}

export interface NetworkOptions {
  readonly networks: Networks;
  /** @throws not-found */
  readonly findContainer: (reference: string) => ContainerID;
  /** For `hosts` and `resolv.conf`; made here. */
  readonly directory: string;
  readonly extraHosts: readonly string[];
}

const DEFAULTS: ReadonlySet<string> = new Set(["", "default", "bridge"]);

/**
 * @param mode as `docker build --network`: `default`, `none`, `host`, `container:NAME`, or a network's name
 * @throws not-found, invalid
 */
export async function openNetwork(mode: string, options: NetworkOptions): Promise<BuildNetwork> {
  const hosts = options.extraHosts.flatMap((entry) => ["--add-host", entry]);
  if (mode === "host") {
    return { flags: ["--network", "host", ...hosts], close: async () => {} };
  }
  const { networks, findContainer, directory, extraHosts } = options;
  if (mode.startsWith("container:")) {
    const sandbox = networks.sandboxOf(findContainer(mode.slice("container:".length)));
    if (!sandbox) throw invalid(`cannot join network of a non running container: ${mode.slice(10)}`);
    return { flags: [...namespaceFlags(sandbox), ...hosts], close: async () => {} };
  }
  const container = newId<ContainerID>();
  mkdirSync(directory, { recursive: true });
  const sandbox = await networks.openSandbox({
    container,
    containerName: `build-${container.slice(0, 12)}`,
    hostname: container.slice(0, 12),
    domainname: "",
    mode: { kind: "own", endpoints: [{ network: DEFAULTS.has(mode) ? "bridge" : mode }] },
    directory,
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts,
    sysctls: {},
    ports: [],
    exposed: [],
  });
  const resolv = dnsFlags(readIfThere(join(directory, "resolv.conf")) ?? "");
  return {
    flags: [...namespaceFlags(sandbox), ...resolv, ...hosts],
    close: () => networks.closeSandbox(container),
  };
}

const namespaceFlags = ({ key, mode }: Sandbox): string[] =>
  mode === "host" ? ["--network", "host"] : ["--network", `ns:${key}`];

/** resolv.conf(5), as the sandbox has it, for a builder that writes its own. */
function dnsFlags(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [word, ...values] = line.trim().split(/\s+/);
    if (word === "nameserver") return values.slice(0, 1).flatMap((server) => ["--dns", server]);
    if (word === "search") return values.flatMap((domain) => ["--dns-search", domain]);
    if (word === "options") return values.flatMap((option) => ["--dns-option", option]);
    return [];
  });
}
