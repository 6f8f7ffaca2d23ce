/** Links to other containers (`--link container:alias`). */
import { conflict, invalid } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import { formatAddress } from "../../lib/ip.ts";
import type { ContainerLink, Networks } from "../../network/types.ts";
import type { Entry } from "../entry.ts";
import type { Registry } from "../registry.ts";
import type { Container, HostConfig } from "../types.ts";
import { linkEnvironment } from "./link-environment.ts";
import { networkOwner } from "./network-owner.ts";
import { exposedOf } from "./ports.ts";

/** The network whose links give environment variables, and are known by id: Docker's legacy links. */
export const DEFAULT_NETWORK = "bridge";

/** As a user writes it. */
interface WrittenLink {
  /** Name or id. */
  readonly container: string;
  readonly alias: string;
}

/** `container:alias`, `container`, or as inspect shows it: `/container:/name/alias`. @throws invalid in Docker's words */
export function parseLink(text: string): WrittenLink {
  if (text === "") throw invalid("empty string specified for links");
  const [container = "", alias = container, ...more] = text.split(":");
  // An alias becomes a line of hosts and the name of a variable.
  const bad = more.length > 0 || container === "" || !/^[\w./-]+$/.test(alias);
  if (bad) throw invalid(`bad format for links: ${text}`);
  if (!container.startsWith("/")) return { container, alias };
  return { container: container.slice(1), alias: alias.slice(alias.lastIndexOf("/") + 1) };
}

/** Who shares another's network is reached there. */
function linked(reference: string, registry: Registry): Container | undefined {
  const named = registry.lookUp(reference)?.container;
  return named && networkOwner(named, registry);
}

/** Whether there is what the link leads to. @throws invalid in Docker's words */
export const isPresent = (link: string, registry: Registry): boolean =>
  linked(parseLink(link).container, registry) !== undefined;

/** @throws invalid, not not-found: clients would look for an image then */
function mustBeLinked(reference: string, registry: Registry): Container {
  const owner = linked(reference, registry);
  if (!owner) throw invalid(`could not get container for ${reference}: No such container: ${reference}`);
  return owner;
}

/** Of which it is known what it leads to. */
interface ResolvedLink extends ContainerLink {
  readonly container: ContainerID;
}

/** The links with ids in place of names. @throws invalid in Docker's words */
export function resolveLinks(links: readonly string[], registry: Registry): readonly ResolvedLink[] {
  return links.map((text) => {
    const { container, alias } = parseLink(text);
    return { container: mustBeLinked(container, registry).id, alias };
  });
}

/** Links of one network, which may be written before there is what they lead to: that is known by its name then. */
export const endpointLinks = (links: readonly string[], registry: Registry): readonly ContainerLink[] =>
  links.map((text) => {
    const { container, alias } = parseLink(text);
    const there = linked(container, registry);
    if (!there) return { container, alias };
    return { container: there.id, alias, ...(there.name === container && { name: container }) };
  });

/**
 * HostConfig.Links as they are kept: by id, so that they outlive a new name. They are the default network's; on
 * others, links stand with their endpoint.
 * @throws invalid in Docker's words
 */
export function legacyLinks(
  { Links, NetworkMode }: Pick<HostConfig, "Links" | "NetworkMode">,
  registry: Registry,
): readonly string[] {
  if (NetworkMode !== DEFAULT_NETWORK && NetworkMode !== "none") return [];
  return resolveLinks(Links, registry).map(({ container, alias }) => {
    if (registry.get(container)?.container.hostConfig.NetworkMode === "host") {
      throw invalid(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      );
    }
    return `${container}:${alias}`;
  });
}

export interface LegacyLink {
  readonly target: Entry;
  readonly alias: string;
}

/** Those whose container is still there: a link goes with what it leads to. */
export const legacyLinksOf = ({ hostConfig }: Container, registry: Registry): readonly LegacyLink[] =>
  hostConfig.Links.flatMap((text) => {
    const { container, alias } = parseLink(text);
    const target = registry.get(container as ContainerID);
    return target ? [{ target, alias }] : [];
  });

/** As inspect shows them: `/target:/name/alias`. */
export const shownLinks = (container: Container, registry: Registry): readonly string[] =>
  legacyLinksOf(container, registry).map(
    ({ target, alias }) => `/${target.container.name}:/${container.name}/${alias}`,
  );

/** What containers are called by those that link to them: `web/db`, in order. */
export function linkNames(registry: Registry): ReadonlyMap<ContainerID, readonly string[]> {
  const names = registry
    .all()
    .filter(({ container }) => container.hostConfig.Links.length > 0)
    .flatMap(({ container }) =>
      legacyLinksOf(container, registry).map(({ target, alias }) => ({
        id: target.container.id,
        name: `${container.name}/${alias}`,
      })),
    );
  const byContainer = Map.groupBy(names, ({ id }) => id);
  return new Map([...byContainer].map(([id, all]) => [id, all.map(({ name }) => name).sort()]));
}

/** @throws conflict in Docker's words where one can't be reached */
export function checkLegacyLinks(container: Container, registry: Registry): void {
  if (!Object.hasOwn(container.endpoints, DEFAULT_NETWORK)) return;
  for (const { target, alias } of legacyLinksOf(container, registry)) {
    const { name, endpoints } = target.container;
    if (!target.active) {
      throw conflict(`Cannot link to a non running container: /${name} AS /${container.name}/${alias}`);
    }
    if (!Object.hasOwn(endpoints, DEFAULT_NETWORK)) {
      throw conflict(`Cannot link to /${name}, as it does not belong to the default network`);
    }
  }
}

/** Of the containers that it links to on the default network, as far as they run. */
export function linkVariables(
  container: Container,
  { registry, networks }: { readonly registry: Registry; readonly networks: Pick<Networks, "sandboxOf"> },
): readonly string[] {
  if (!Object.hasOwn(container.endpoints, DEFAULT_NETWORK)) return [];
  return legacyLinksOf(container, registry).flatMap(({ target, alias }) => {
    const endpoints = networks.sandboxOf(target.container.id)?.endpoints ?? [];
    const address = endpoints.find(({ networkName }) => networkName === DEFAULT_NETWORK)?.address;
    if (!address) return [];
    return linkEnvironment({
      name: container.name,
      alias,
      address: formatAddress(address.address),
      exposed: exposedOf(target.container),
      environment: target.container.config.Env ?? [],
    });
  });
}
