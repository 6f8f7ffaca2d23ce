/** A container's ports in Docker's JSON (Engine API, PortMap and Port). */
import type { ContainerView } from "../../container/types.ts";
import { formatAddress } from "../../lib/ip.ts";
import type { ContainerPort } from "../../network/types.ts";

export interface ShownBinding {
  readonly HostIp: string;
  readonly HostPort: string;
}

export interface ShownPort {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

const keyOf = ({ port, protocol }: ContainerPort): string => `${port}/${protocol}`;

/** Ports are a bridge's: on host, none and macvlan networks, and in another's sandbox, none are shown. */
function exposedOf({ container, sandbox }: ContainerView): readonly string[] {
  const bridged = sandbox?.endpoints.some(({ hostInterface }) => hostInterface !== undefined);
  if (sandbox?.mode !== "own" || sandbox.container !== container.id || !bridged) return [];
  return [...sandbox.exposed.map(keyOf), ...Object.keys(container.config.ExposedPorts ?? {})];
}

/**
 * `Ports` of inspect: what leads to each port that is exposed or published, `null` for nothing; none while the
 * container does not run.
 */
export function portMap(view: ContainerView): Readonly<Record<string, readonly ShownBinding[] | null>> {
  const { container, sandbox } = view;
  const shown = new Map<string, ShownBinding[] | null>(exposedOf(view).map((key) => [key, null]));
  // Off its last network, what it published waits for another.
  const carried = sandbox?.container === container.id && sandbox.endpoints.length > 0;
  const bindings = carried ? sandbox.ports : [];
  for (const binding of bindings) {
    const key = keyOf(binding);
    const { hostAddress, hostPort } = binding;
    // None stands for a port that is routed (its number is 0).
    const one = { HostIp: formatAddress(hostAddress), HostPort: hostPort === 0 ? "" : String(hostPort) };
    shown.set(key, [...(shown.get(key) ?? []), one]);
  }
  return Object.fromEntries([...shown].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `Ports` of the list: one a binding. */
export function portList(view: ContainerView): ShownPort[] {
  return Object.entries(portMap(view)).flatMap(([key, bindings]): ShownPort[] => {
    const [port = "", protocol = "tcp"] = key.split("/");
    const own = { PrivatePort: Number(port), Type: protocol };
    if (!bindings) return [own];
    const led = bindings.filter(({ HostPort }) => HostPort !== "");
    if (led.length === 0) return [own];
    return led.map(({ HostIp, HostPort }) => ({ IP: HostIp, ...own, PublicPort: Number(HostPort) }));
  });
}
