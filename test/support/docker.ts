/** The real docker command in a suite's host, and what it changes there. */
import assert from "node:assert/strict";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { CommandResult } from "./command.ts";
import type { ThrowawayHost } from "./host.ts";
import { inspect } from "./inspect.ts";
import type { HostWithEngine } from "./suite.ts";

export interface Docker {
  /** `docker <line>`, split at spaces, then further arguments as they are. @returns standard output, trimmed */
  (line: string, ...more: string[]): Promise<string>;
  /** The same, that must fail. @returns what it says on standard error */
  refused(line: string, ...more: string[]): Promise<string>;
  /** Lines of its output, none where there is none. */
  lines(line: string, ...more: string[]): Promise<readonly string[]>;
  /** A shell's line in a running container; its exit code does not matter. */
  shell(container: string, line: string): Promise<CommandResult>;
  /** Containers that sleep, started in this order: `idle("a", "--network n")`. */
  idle(name: string, flags?: string, ...more: string[]): Promise<string>;
}

export function dockerIn(suite: HostWithEngine): Docker {
  const words = (line: string) => line.split(" ").filter((word) => word !== "");
  const docker = async (line: string, ...more: string[]): Promise<string> =>
    (await suite.host.docker(...words(line), ...more)).stdout.trimEnd();
  return Object.assign(docker, {
    refused: async (line: string, ...more: string[]) => {
      const { code, stdout, stderr } = await suite.host.tryDocker(...words(line), ...more);
      assert.notEqual(code, 0, `docker ${line} was to be refused: ${stdout}`);
      return stderr.trimEnd();
    },
    lines: async (line: string, ...more: string[]) =>
      (await docker(line, ...more)).split("\n").filter((each) => each !== ""),
    shell: (container: string, line: string) => suite.host.tryDocker("exec", container, "sh", "-c", line),
    idle: (name: string, flags = "", ...more: string[]) =>
      docker(`run -d --name ${name} ${flags}`, ...more, "busybox", "sleep", "1000"),
  });
}

/** A container's network namespace, for the test's own process. */
export async function namespaceOf(host: ThrowawayHost, container: string): Promise<NetnsPath> {
  const { NetworkSettings } = await inspect(host, container);
  assert.notEqual(NetworkSettings.SandboxKey, "", `${container} has a namespace`);
  return `/proc/${host.pid}/root${NetworkSettings.SandboxKey}` as NetnsPath;
}

interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  readonly addr_info: readonly { readonly local: string; readonly scope: string }[];
}

/** All of a host that a refused request must leave alone: links, addresses, rules, networks, containers. */
export async function networkState({ host, engine }: HostWithEngine): Promise<unknown> {
  const [links, rules, networks, containers] = await Promise.all([
    host.run("ip", ["-json", "address"]),
    host.run("nft", ["list", "ruleset"]),
    engine.request("GET", "/networks"),
    engine.request("GET", "/containers/json?all=1"),
  ]);
  return {
    // Link-local addresses come and go by themselves.
    links: (JSON.parse(links.stdout) as Link[]).map(({ ifindex, ifname, addr_info }) => {
      const addresses = addr_info.filter(({ scope }) => scope === "global").map(({ local }) => local);
      return [ifindex, ifname, ...addresses].join(" ");
    }),
    rules: rules.stdout.split("\n"),
    networks: JSON.parse(networks.text),
    containers: (JSON.parse(containers.text) as { Status: string }[]).map(({ Status: _, ...rest }) => rest),
  };
}
