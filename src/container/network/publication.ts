/** Ports that are published and closed while a container runs, and stay so over its next starts. */
import { conflict } from "../../lib/errors.ts";
import { undoing } from "../../lib/undo.ts";
import type { Entry } from "../entry.ts";
import type { Context } from "../options.ts";
import { hasOwnNetwork } from "../spec/namespaces.ts";
import type { PortMap } from "../types.ts";
import { exactly, withoutClosed } from "./port-bindings.ts";
import { boundPorts, portMapOf, publishRequests } from "./ports.ts";

/** @throws as `Containers.publish`; then nothing has changed */
export function publish(context: Context, entry: Entry, asked: PortMap): Promise<void> {
  const ports = allNamed(portMapOf(asked));
  const requests = publishRequests(ports);
  const { networks, registry } = context;
  networks.check({
    mode: { kind: "own", endpoints: [] },
    dns: [],
    extraHosts: [],
    sysctls: {},
    ports: requests,
  });
  return entry.mutex.run(async () => {
    refuseWithoutPorts(entry);
    const { id, hostConfig } = entry.container;
    // One that `PublishAllPorts` has opened stays open beside the new one.
    const bound = boundPorts(entry.container);
    const more = Object.entries(ports).map(([key, added]) => [key, [...(bound[key] ?? []), ...added]]);
    const PortBindings: PortMap = { ...hostConfig.PortBindings, ...Object.fromEntries(more) };
    await undoing(async (undo) => {
      undo.push("record its ports", () => registry.save(entry, { hostConfig }));
      await registry.save(entry, { hostConfig: { ...hostConfig, PortBindings } });
      await networks.publish(id, requests);
    });
  });
}

/** @throws as `Containers.unpublish`; then nothing has changed */
export function unpublish(context: Context, entry: Entry, asked: PortMap): Promise<void> {
  const requests = publishRequests(allNamed(portMapOf(asked)));
  const { networks, registry } = context;
  return entry.mutex.run(async () => {
    refuseWithoutPorts(entry);
    const { container } = entry;
    const { id, hostConfig } = container;
    const open = networks.sandboxOf(id)?.ports ?? [];
    const closed = () => {
      const left = new Set((networks.sandboxOf(id)?.ports ?? []).map(textOf));
      return open.filter((binding) => !left.has(textOf(binding)));
    };
    await undoing(async (undo) => {
      undo.push("close its ports", async () => {
        const again = closed().map(exactly);
        if (again.length > 0) await networks.publish(id, again);
      });
      await networks.unpublish(id, requests);
      undo.push("record its ports", () => registry.save(entry, { hostConfig }));
      const left = withoutClosed(container, open, new Set(closed()));
      await registry.save(entry, { hostConfig: { ...hostConfig, ...left } });
    });
  });
}

/** A port without bindings means any host port, or all of them. */
const allNamed = (ports: PortMap): Readonly<Record<string, NonNullable<PortMap[string]>>> =>
  Object.fromEntries(
    Object.entries(ports).map(([key, bindings]) => [key, bindings?.length ? bindings : [{}]]),
  );

const textOf = (binding: Parameters<typeof exactly>[0]): string => {
  const { protocol, port, hostAddress, hostPort } = binding;
  return [protocol, port, hostAddress.family, hostAddress.bits, hostPort].join(" ");
};

/** @throws conflict */
function refuseWithoutPorts({ container, active }: Entry): void {
  const { id, hostConfig } = container;
  if (!active) throw conflict(`container ${id} is not running`);
  if (!hasOwnNetwork(hostConfig.NetworkMode)) {
    throw conflict(
      `container ${id} has no network of its own: its network mode is ${hostConfig.NetworkMode}`,
    );
  }
}
