/** A host of real kernel objects, for tests that run in private namespaces (see support/isolated.ts). */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asError } from "../../src/lib/errors.ts";
import type { EngineEvent } from "../../src/lib/events.ts";
import type { ContainerID } from "../../src/lib/ids.ts";
import { silent } from "../../src/lib/log.ts";
import type { Kernel } from "../../src/linux/kernel.ts";
import { Reactor } from "../../src/linux/reactor.ts";
import { createNetworks } from "../../src/network/controller.ts";
import { createDns } from "../../src/network/dns/dns.ts";
import { createHostPorts } from "../../src/network/port/host-ports.ts";
import type { NetworkSettings } from "../../src/network/settings.ts";
import type { Endpoint, Networks, Sandbox, SandboxRequest } from "../../src/network/types.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { sandboxRequest, settings } from "../support/networks.ts";

export const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });
export const json = (command: string) => JSON.parse(sh(command));

export function succeeds(command: string): boolean {
  try {
    execFileSync("sh", ["-c", command], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export const inside = (sandbox: Sandbox, command: string): string =>
  `nsenter --net=${sandbox.key} ${command}`;

/** Whether one echo is answered within a second; where none is expected, less is waited for. */
export const pings = (from: Sandbox | "host", to: string, seconds = 1): boolean => {
  const ping = `ping -c1 -W${seconds} ${to}`;
  return succeeds(from === "host" ? ping : inside(from, ping));
};
export const noEcho = (from: Sandbox | "host", to: string): boolean => !pings(from, to, 0.3);

/** Its one endpoint with an interface, all of it. */
export function plugOf(sandbox: Sandbox): Required<Endpoint> {
  const [endpoint] = sandbox.endpoints;
  if (!endpoint?.address || !endpoint.ifindex) throw new Error("the sandbox has no interface");
  return endpoint as Required<Endpoint>;
}

/** Everything of the kernel that a sandbox could leave behind, as text to compare. */
export const kernelState = (execRoot: string): string =>
  sh(
    `ip -o link | sed 's/: <.*//; s/@.*//'; ip -o -4 addr; ip -4 route | sed 's/ linkdown//'; ls ${execRoot}/netns; nft list ruleset; grep ${execRoot} /proc/self/mountinfo || true`,
  );

/** What outlives an engine: the store, and the kernel's state below one execRoot. */
export class KernelHost {
  readonly directory = mkdtempSync(join(tmpdir(), "drawbridge-kernel-networks-"));
  readonly execRoot = join(this.directory, "exec");
  readonly store = new MemoryStore();
  readonly events: Omit<EngineEvent, "time">[] = [];
  readonly kernel: Kernel;
  readonly #reactor = new Reactor((thrown) => {
    throw asError(thrown);
  });
  readonly #ports = createHostPorts({ reactor: this.#reactor, logger: silent });
  readonly #dns = createDns({ logger: silent });

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    writeFileSync(join(this.directory, "resolv.conf"), "nameserver 203.0.113.1\n");
  }

  async start(
    more: { settings?: NetworkSettings; alive?: readonly ContainerID[]; kernel?: Kernel } = {},
  ): Promise<Networks> {
    const networks = createNetworks({
      kernel: more.kernel ?? this.kernel,
      store: this.store,
      events: { publish: (event) => void this.events.push(event) },
      logger: silent,
      execRoot: this.execRoot,
      ports: this.#ports,
      dns: this.#dns,
      settings: more.settings ?? settings,
      hostPaths: {
        hosts: "/etc/hosts",
        resolvConf: join(this.directory, "resolv.conf"),
        resolvedUpstreams: join(this.directory, "resolved.conf"),
      },
    });
    await networks.start(new Set(more.alive ?? []));
    return networks;
  }

  request(name: string, more: Partial<SandboxRequest> = {}): SandboxRequest {
    return sandboxRequest(this.directory, name, more);
  }

  async remove(): Promise<void> {
    await this.#ports.stop();
    await this.#dns.stop();
    await this.#reactor.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/**
 * An outside namespace behind the host's `eth0` (203.0.113.2/24): 203.0.113.1, with 198.51.100.1 behind it,
 * and no route back to any container.
 */
export function addOutside(): void {
  sh(`ip netns add outside
    ip link add eth0 type veth peer name eth0 netns outside
    ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up
    ip route add default via 203.0.113.1
    ip -n outside addr add 203.0.113.1/24 dev eth0; ip -n outside addr add 198.51.100.1/32 dev lo
    ip -n outside link set lo up; ip -n outside link set eth0 up`);
}
