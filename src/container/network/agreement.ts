/**
 * A container's record and its sandbox are written one after the other. Where an engine's end came in between, the
 * record holds what was intended, so the sandbox is brought to it: nobody was told that it was done or that it
 * failed, and with the next start it would be so anyway. A network that can't be joined goes from the record.
 */
import { messageOf } from "../../lib/errors.ts";
import type { NetworkID } from "../../lib/ids.ts";
import type { Entry } from "../entry.ts";
import type { Context } from "../options.ts";
import { endpointRequest, networkMeant, networkReference } from "./endpoints.ts";
import { exactly, portDifferences } from "./port-bindings.ts";
import { boundPorts, publishRequests } from "./ports.ts";

/** Of a container that was taken over while it runs. What can't be done is told to the log. */
export async function agree(context: Context, entry: Entry): Promise<void> {
  await entry.mutex.run(async () => {
    if (!entry.active || context.networks.sandboxOf(entry.container.id)?.mode !== "own") return;
    await agreeOnNetworks(context, entry);
    await agreeOnPorts(context, entry);
  });
}

async function agreeOnNetworks(context: Context, entry: Entry): Promise<void> {
  const { networks, registry } = context;
  const { container } = entry;
  const joined = networks.sandboxOf(container.id)?.endpoints ?? [];
  const wanted = Object.entries(container.endpoints).map(([name, settings]) => ({
    name,
    settings,
    id: networkMeant(networkReference(name, settings), networks)?.id,
  }));
  for (const { network, networkName } of joined) {
    if (wanted.some(({ id }) => id === network)) continue;
    await attempt(context, entry, `leave network ${networkName}`, () =>
      networks.disconnect(container.id, network, { force: true }),
    );
  }
  const standing = new Set<NetworkID | undefined>(joined.map(({ network }) => network));
  for (const { name, settings, id } of wanted) {
    if (standing.has(id)) continue;
    const done = await attempt(context, entry, `join network ${name}`, () =>
      networks.connect(container.id, endpointRequest(container, name, settings, registry)),
    );
    if (done) continue;
    const { [name]: _, ...endpoints } = entry.container.endpoints;
    await registry.save(entry, { endpoints });
  }
}

async function agreeOnPorts(context: Context, entry: Entry): Promise<void> {
  const { networks } = context;
  const { container } = entry;
  const open = networks.sandboxOf(container.id)?.ports ?? [];
  const { missing, extra } = portDifferences(publishRequests(boundPorts(container)), open);
  if (extra.length > 0) {
    await attempt(context, entry, "close ports that it no longer publishes", () =>
      networks.unpublish(container.id, extra.map(exactly)),
    );
  }
  if (missing.length > 0) {
    await attempt(context, entry, "publish its ports", () => networks.publish(container.id, missing));
  }
}

/** @returns whether it was done */
async function attempt(
  { logger }: Context,
  { container }: Entry,
  what: string,
  work: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (thrown) {
    logger.warn({ container: container.id }, `${what}: ${messageOf(thrown)}`);
    return false;
  }
}
