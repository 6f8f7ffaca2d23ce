/** Which of the ports that are open came of which request. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import { isNamedBy } from "../../network/port/requests.ts";
import { NO_HOST_PORT } from "../../network/port/types.ts";
import type { PortBinding, PublishRequest } from "../../network/types.ts";
import type { Container, HostConfig, PortMap } from "../types.ts";
import { boundPorts, publishRequest } from "./ports.ts";

/** The pickier a request, the smaller. */
const choiceOf = ({ hostAddress, hostPorts }: PublishRequest): number =>
  (hostPorts ? hostPorts.last - hostPorts.first : 0x10000) + (hostAddress ? 0 : 0.5);

/** Whether one request can have given both: at one host port, as far as one stands for them, of each family. */
const isBeside = (a: PortBinding, b: PortBinding): boolean =>
  a.hostAddress.family !== b.hostAddress.family &&
  (a.hostPort === b.hostPort || a.hostPort === NO_HOST_PORT || b.hostPort === NO_HOST_PORT);

/**
 * What each request was given, by its place: one host port, on one address or, without one of its own, on that
 * of each family.
 */
export function attribute(
  requests: readonly PublishRequest[],
  bindings: readonly PortBinding[],
): readonly (readonly PortBinding[])[] {
  const left = new Set(bindings);
  const given: (readonly PortBinding[])[] = requests.map(() => []);
  const order = [...requests.entries()].toSorted(([, a], [, b]) => choiceOf(a) - choiceOf(b));
  for (const [place, request] of order) {
    const fitting = [...left].filter((binding) => isNamedBy(binding, request));
    const [first] = fitting;
    const second = first && fitting.find((binding) => isBeside(first, binding));
    const mine = [first, second].flatMap((binding) => binding ?? []);
    for (const binding of mine) left.delete(binding);
    given[place] = mine;
  }
  return given;
}

/** What is asked of a container's ports and is not open, and what is open and not asked for. */
export function portDifferences(
  requests: readonly PublishRequest[],
  bindings: readonly PortBinding[],
): { readonly missing: readonly PublishRequest[]; readonly extra: readonly PortBinding[] } {
  const given = attribute(requests, bindings);
  const known = new Set(given.flat());
  return {
    missing: requests.filter((_, place) => given[place]?.length === 0),
    extra: bindings.filter((binding) => !known.has(binding)),
  };
}

/** The request that names exactly this one. */
export const exactly = ({ protocol, port, hostAddress, hostPort }: PortBinding): PublishRequest => ({
  protocol,
  port,
  hostAddress,
  ...(hostPort !== NO_HOST_PORT && { hostPorts: { first: hostPort, last: hostPort } }),
});

/**
 * A container's ports without those that were closed. One that `PublishAllPorts` had opened must not come back with
 * the next start: the others are asked for by name then.
 */
export function withoutClosed(
  container: Pick<Container, "config" | "hostConfig">,
  open: readonly PortBinding[],
  closed: ReadonlySet<PortBinding>,
): Pick<HostConfig, "PortBindings" | "PublishAllPorts"> {
  const bound = boundPorts(container);
  const entries = Object.entries(bound).flatMap(([key, bindings]) =>
    (bindings ?? []).map((binding) => ({ key, binding })),
  );
  const given = attribute(
    entries.map(({ key, binding }) => publishRequest(key, binding)),
    open,
  );
  const left: Record<string, NonNullable<PortMap[string]>> = {};
  for (const [place, { key, binding }] of entries.entries()) {
    const mine = given[place] ?? [];
    const kept = mine.filter((each) => !closed.has(each));
    const bindings =
      kept.length === mine.length
        ? [binding]
        : kept.map(({ hostAddress }) => ({ ...binding, HostIp: formatAddress(hostAddress) }));
    if (bindings.length > 0) left[key] = [...(left[key] ?? []), ...bindings];
  }
  const { PortBindings, PublishAllPorts } = container.hostConfig;
  const hasReturning = Object.keys(bound).some((key) => bound[key]?.length && !left[key]);
  if (PublishAllPorts && hasReturning) return { PortBindings: left, PublishAllPorts: false };
  const own = Object.entries(left).filter(([key]) => PortBindings[key]?.length);
  return { PortBindings: Object.fromEntries(own), PublishAllPorts };
}
