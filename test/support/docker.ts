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

/** All of a host that a refused request must leave alone. */
export async function networkState(host: ThrowawayHost): Promise<unknown> {
  const told = async (line: string) => (await host.run("sh", ["-ec", line])).stdout;
  const [links, addresses, rules, networks, containers] = await Promise.all([
    told("ip -json link"),
    told("ip -json address"),
    told("nft list ruleset"),
    told("docker network ls --no-trunc; docker network inspect $(docker network ls -q)"),
    told("docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}} {{.Ports}}'"),
  ]);
  const names = (JSON.parse(links) as { ifname: string; ifindex: number }[]).map(
    ({ ifindex, ifname }) => `${ifindex} ${ifname}`,
  );
  const local = (JSON.parse(addresses) as { addr_info: { local: string; scope: string }[] }[]).flatMap(
    ({ addr_info }) => addr_info.filter(({ scope }) => scope === "global").map((each) => each.local),
  );
  return { names, local, rules, networks, containers };
}
