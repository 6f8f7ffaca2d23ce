/** Endpoints that come and go, and ports that open and close, while a sandbox is open. */
import { conflict, messageOf, notFound, throwAll } from "../lib/errors.ts";
import type { NetworkID } from "../lib/ids.ts";
import { type UndoStack, undoing } from "../lib/undo.ts";
import { failuresOf } from "./close.ts";
import { newEndpoint, refuseCompany } from "./design.ts";
import { drivers } from "./drivers.ts";
import { updateFiles } from "./files/files.ts";
import { elementSteps, portElements, sandboxElements } from "./firewall-state.ts";
import { routesPlan } from "./gateway.ts";
import type { Entry } from "./ledger.ts";
import type { LinkKeeper } from "./link-keeper.ts";
import type { Names } from "./names.ts";
import { withFacts } from "./open.ts";
import type { Context } from "./options.ts";
import {
  bindingsNamed,
  cutConnections,
  forgetConnections,
  lead,
  publishMore,
  publishWaiting,
} from "./publication.ts";
import { checkEndpoint } from "./request.ts";
import { connectPlan, detachPlan } from "./sandbox.ts";
import { putSandbox, type SandboxRecord } from "./state.ts";
import type { Endpoint, EndpointRequest, PublishRequest, Sandbox } from "./types.ts";

export interface Parts {
  readonly names: Names;
  readonly links: LinkKeeper;
}

/** @throws as `Networks.connect`; then nothing has changed */
export async function connect(
  context: Context,
  { names, links }: Parts,
  entry: Entry,
  request: EndpointRequest,
): Promise<Sandbox> {
  const { ledger } = context;
  const before = entry.record;
  const { sandbox, files, containerName } = before;
  if (sandbox.mode !== "own") throw conflict(`container ${sandbox.container} has no network of its own`);
  const network = ledger.find(request.network);
  checkEndpoint(network, request);
  refuseCompany(network, containerName, sandbox.endpoints.map(ledger.networkOf));
  const owner = { container: sandbox.container, containerName, hostname: files.hostname };
  const endpoint = newEndpoint(owner, network, request, sandbox.endpoints, context);
  // Its addresses are taken before anything is waited for.
  entry.joining = endpoint;
  try {
    return await undoing(async (undo) => {
      const wider = withEndpoints(before, [...sandbox.endpoints, endpoint]);
      const { record: after, lease } = await publishWaiting(context, wider);
      if (lease) undo.push("take host ports", () => lease.release());
      await record(context, before, after, undo);
      const firewall = elementSteps(
        containerName,
        sandboxElements(sandbox, ledger.networkOf),
        sandboxElements(after.sandbox, ledger.networkOf),
      );
      const plan = [...firewall, ...connectPlan(sandbox, after.sandbox, ledger.networkOf)];
      const facts = await context.apply(plan).catch((thrown: unknown) => {
        throw drivers[network.driver].explain(network, thrown);
      });
      undo.push("join it", () => part(context, after.sandbox, sandbox, endpoint));
      entry.record = { ...after, sandbox: withFacts(after.sandbox, plan, facts) };
      undo.push("know of it", () => {
        entry.record = before;
      });
      undo.push("name it", () => names.withdraw([endpoint]));
      await names.refresh(entry.record);
      entry.record = await updateFiles(context.composer, entry.record);
      await context.store.commit([putSandbox(entry.record)]);
      await links.refresh();
      if (lease) entry.leases = [...entry.leases, lease];
      lead(context, entry);
      context.tell("connect", sandbox, [endpoint]);
      return entry.record.sandbox;
    });
  } finally {
    delete entry.joining;
  }
}

const withEndpoints = (before: SandboxRecord, endpoints: readonly Endpoint[]): SandboxRecord => ({
  ...before,
  sandbox: { ...before.sandbox, endpoints },
});

async function record(
  { store }: Context,
  before: SandboxRecord,
  after: SandboxRecord,
  undo: UndoStack,
): Promise<void> {
  await store.commit([putSandbox(after)]);
  undo.push("record it", () => store.commit([putSandbox(before)]));
}

/**
 * What an endpoint has in the kernel, taken away; past failures. Its guard stands until its link is gone; then
 * ports and the default route move to what is left.
 */
async function part(context: Context, before: Sandbox, after: Sandbox, endpoint: Endpoint): Promise<void> {
  const { kernel, ledger } = context;
  const { hostInterface, networkName } = endpoint;
  const inside = detachPlan(before, endpoint, ledger.networkOf);
  const outcomes: PromiseSettledResult<unknown>[] = await Promise.allSettled([
    hostInterface === undefined ? undefined : kernel.deleteLinks([hostInterface]),
    inside.length > 0 ? kernel.dismantle(inside) : undefined,
  ]);
  const [gone, come] = [
    sandboxElements(before, ledger.networkOf),
    sandboxElements(after, ledger.networkOf),
  ] as const;
  const firewall = elementSteps(hostInterface ?? networkName, gone, come);
  const routes = routesPlan(after, before.endpoints, after.endpoints);
  for (const step of [...firewall, ...routes]) {
    const work = step.do === "delete-elements" ? kernel.dismantle([step]) : context.apply([step]);
    outcomes.push(...(await Promise.allSettled([work])));
  }
  throwAll(`take ${endpoint.containerName} off network ${networkName}`, failuresOf(outcomes));
}

/** @throws not-found where it isn't on the network; AggregateError, after all was tried */
export async function disconnect(
  context: Context,
  { names, links }: Parts,
  entry: Entry,
  network: NetworkID,
): Promise<Sandbox> {
  const before = entry.record;
  const { sandbox } = before;
  const endpoint = sandbox.endpoints.find((each) => each.network === network);
  if (!endpoint || sandbox.mode !== "own") {
    throw notFound(`container ${sandbox.container} is not connected to network ${network}`);
  }
  const rest = sandbox.endpoints.filter((each) => each !== endpoint);
  const after = withEndpoints(before, rest);
  const outcomes = await Promise.allSettled([
    names.withdraw([endpoint]),
    part(context, sandbox, after.sandbox, endpoint),
  ]);
  entry.record = after;
  lead(context, entry);
  const settle = async () => {
    await names.serve(entry.record);
    entry.record = await updateFiles(context.composer, entry.record);
    await context.store.commit([putSandbox(entry.record)]);
    await forgetConnections(context, sandbox.ports, [endpoint]);
    await links.refresh();
  };
  outcomes.push(...(await Promise.allSettled([settle()])));
  context.tell("disconnect", sandbox, [endpoint]);
  throwAll(`disconnect ${endpoint.containerName} from network ${endpoint.networkName}`, failuresOf(outcomes));
  return entry.record.sandbox;
}

/** @throws as `Networks.publish`; then nothing has changed */
export async function publish(
  context: Context,
  entry: Entry,
  requests: readonly PublishRequest[],
): Promise<Sandbox> {
  const before = entry.record;
  return undoing(async (undo) => {
    const { record: after, lease } = await publishMore(context, before, requests);
    undo.push("take host ports", () => lease.release());
    await record(context, before, after, undo);
    const opened = portElements(after.sandbox, lease.bindings, context.ledger.networkOf);
    await context.apply(elementSteps("published ports", {}, opened));
    entry.record = after;
    entry.leases = [...entry.leases, lease];
    lead(context, entry);
    // Beside the answer: a look through all tracked connections takes longer than all the rest.
    forgetConnections(context, lease.bindings).catch((thrown: unknown) =>
      context.logger.warn({ container: after.sandbox.container }, messageOf(thrown)),
    );
    return after.sandbox;
  });
}

/** @throws not-found, AggregateError */
export async function unpublish(
  context: Context,
  entry: Entry,
  requests: readonly PublishRequest[],
): Promise<Sandbox> {
  const before = entry.record;
  const closed = new Set(bindingsNamed(before.sandbox, requests));
  const ports = before.sandbox.ports.filter((binding) => !closed.has(binding));
  const after = { ...before, sandbox: { ...before.sandbox, ports } };
  await context.store.commit([putSandbox(after)]);
  entry.record = after;
  const gone = portElements(before.sandbox, [...closed], context.ledger.networkOf);
  const outcomes = await Promise.allSettled([
    context.kernel.dismantle(elementSteps("published ports", gone, {})),
  ]);
  outcomes.push(
    ...(await Promise.allSettled([
      ...entry.leases.map((lease) => lease.release([...closed])),
      cutConnections(context, [...closed]),
    ])),
  );
  throwAll("close published ports", failuresOf(outcomes));
  return after.sandbox;
}
