/** Endpoints that come and go while a sandbox is open. */
import { codeOf, conflict, failuresOf, messageOf, notFound, throwAll } from "../../lib/errors.ts";
import type { NetworkID } from "../../lib/ids.ts";
import { undoing } from "../../lib/undo.ts";
import { KernelError } from "../../linux/ffi.ts";
import { describe, type Fact, type Plan, type Step } from "../../linux/plan.ts";
import { drivers } from "../drivers.ts";
import { updateFiles } from "../files/files.ts";
import { elementSteps, sandboxElements } from "../firewall-state.ts";
import type { Entry } from "../ledger.ts";
import type { Context, Followers } from "../options.ts";
import { putSandbox, recordChange, type SandboxRecord } from "../state.ts";
import type { Endpoint, EndpointRequest, Sandbox } from "../types.ts";
import { checkEndpoint } from "./check.ts";
import { newEndpoint, refuseCompany } from "./design.ts";
import { routesPlan, settleRoutes } from "./gateway.ts";
import { withFacts } from "./open.ts";
import { connectPlan, detachPlan, LOOPBACK_IPV6 } from "./plan.ts";
import { forgetConnections, lead, publishWaiting } from "./publication.ts";

/** @throws as `Networks.connect`; then nothing has changed */
export async function connect(
  context: Context,
  { names, links }: Followers,
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
      await recordChange(context.store, before, { ...after, joining: endpoint.id }, undo);
      const firewall = elementSteps(
        containerName,
        sandboxElements(sandbox, ledger.networkOf),
        sandboxElements(after.sandbox, ledger.networkOf),
      );
      const plan = [
        ...firewall,
        ...connectPlan(sandbox, after.sandbox, ledger.networkOf),
        ...(await wayOutPlan(context, sandbox, after.sandbox)),
      ];
      const facts = await context.apply(plan).catch((thrown: unknown) => {
        throw drivers[network.driver].explain(network, thrown);
      });
      undo.push("join it", async () => {
        await unplug(context, sandbox, endpoint);
        await moveAway(context, after.sandbox, sandbox, endpoint);
        await context.kernel.apply(loopbackBefore(plan, facts));
      });
      entry.record = { ...after, sandbox: withFacts(after.sandbox, plan, facts) };
      undo.push("know of it", () => {
        entry.record = before;
      });
      undo.push("name it", async () => {
        await names.withdraw([endpoint]);
        await names.serve(before);
      });
      await names.refresh(entry.record);
      entry.record = await updateFiles(context.composer, entry.record);
      const { hosts, resolvConf } = entry.record;
      undo.push("write its files", async () => {
        await updateFiles(context.composer, {
          ...before,
          ...(hosts && { hosts }),
          ...(resolvConf !== undefined && { resolvConf }),
        });
      });
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

/** Its links go. @throws where one stays, and its guard with it: then nothing else may go */
async function unplug({ kernel, ledger }: Context, sandbox: Sandbox, endpoint: Endpoint): Promise<void> {
  const { hostInterface, containerName, networkName } = endpoint;
  const inside = detachPlan(sandbox, endpoint, ledger.networkOf);
  const outcomes = await Promise.allSettled([
    hostInterface === undefined ? undefined : kernel.deleteLinks([hostInterface]),
    inside.length > 0 ? kernel.dismantle(inside) : undefined,
  ]);
  throwAll(`take ${containerName} off network ${networkName}`, failuresOf(outcomes));
}

/** From an endpoint whose links are gone, ports and the default route move to what is left; past failures. */
async function moveAway(
  context: Context,
  before: Sandbox,
  after: Sandbox,
  { hostInterface, containerName, networkName }: Endpoint,
): Promise<void> {
  const { kernel, ledger } = context;
  const firewall = elementSteps(
    hostInterface ?? networkName,
    sandboxElements(before, ledger.networkOf),
    sandboxElements(after, ledger.networkOf),
  );
  const outcomes: PromiseSettledResult<unknown>[] = [];
  for (const step of firewall) {
    const work = step.do === "delete-elements" ? kernel.dismantle([step]) : addAnew(context, step);
    outcomes.push(...(await Promise.allSettled([work])));
  }
  outcomes.push(...(await Promise.allSettled([moveRoutes(context, before, after)])));
  throwAll(`take ${containerName} off network ${networkName}`, failuresOf(outcomes));
}

/** Elements of which an attempt before may have added some. */
async function addAnew({ apply, kernel }: Context, step: Step): Promise<void> {
  try {
    await apply([step]);
  } catch (thrown) {
    if (codeOf(thrown) !== "EEXIST" || step.do !== "add-elements") throw thrown;
    await kernel.dismantle([{ ...step, do: "delete-elements" }]);
    await apply([step]);
  }
}

/** As far as routes don't lead there already: an attempt before may have come that far, and a container may have its own. */
async function wayOutPlan({ kernel }: Context, before: Sandbox, after: Sandbox): Promise<Plan> {
  if (routesPlan(after, before.endpoints, after.endpoints).length === 0) return [];
  return settleRoutes(after, await kernel.routes(after.key), before.endpoints);
}

/** How the kernel says that a route has no link to go by. */
const OWN_DOING = new Set(["ENETUNREACH", "ENETDOWN"]);

const isOwnDoing = (thrown: unknown, plan: Plan): boolean =>
  thrown instanceof KernelError &&
  OWN_DOING.has(thrown.code) &&
  plan.some((step) => describe(step) === thrown.what);

/** A container that has its remaining link down is left with what it made of that. */
async function moveRoutes(context: Context, before: Sandbox, after: Sandbox): Promise<void> {
  const plan = await wayOutPlan(context, before, after);
  if (plan.length === 0) return;
  try {
    await context.kernel.apply(plan);
  } catch (thrown) {
    if (!isOwnDoing(thrown, plan)) throw thrown;
    context.logger.warn({ container: after.container }, `its default route stays: ${messageOf(thrown)}`);
  }
}

/** What a plan changed of the loopback link, back to what it was. */
const loopbackBefore = (plan: Plan, facts: readonly Fact[]): Plan =>
  plan.flatMap((step, at): Step[] => {
    const value = facts[at]?.previous;
    return step.do === "set-sysctl" && step.key === LOOPBACK_IPV6 && value !== undefined
      ? [{ ...step, value }]
      : [];
  });

/**
 * It stays on record until all of it is gone, so that another attempt finishes what this one could not.
 * @param force past failures, but for a link that stays: its addresses would be another's
 * @throws not-found where it isn't on the network; AggregateError, after all was tried
 */
export async function disconnect(
  context: Context,
  { names, links }: Followers,
  entry: Entry,
  network: NetworkID,
  { force }: { readonly force: boolean },
): Promise<Sandbox> {
  const { composer, logger, store } = context;
  const before = entry.record;
  const { sandbox } = before;
  const { container } = sandbox;
  const endpoint = sandbox.endpoints.find((each) => each.network === network);
  if (!endpoint || sandbox.mode !== "own") {
    throw notFound(`container ${container} is not connected to network ${network}`);
  }
  const rest = sandbox.endpoints.filter((each) => each !== endpoint);
  const after = withEndpoints(before, rest);
  await unplug(context, sandbox, endpoint);
  const outcomes = await Promise.allSettled([
    names.withdraw([endpoint]).then(() => names.serve(after)),
    moveAway(context, sandbox, after.sandbox, endpoint),
    forgetConnections(context, sandbox.ports, [endpoint]),
  ]);
  const what = `disconnect ${endpoint.containerName} from network ${endpoint.networkName}`;
  const failures = failuresOf(outcomes);
  if (!force) throwAll(what, failures);
  for (const failure of failures) logger.error({ container }, `${what}: ${messageOf(failure)}`);
  const written = await updateFiles(composer, after);
  entry.record = { ...written, sandbox };
  await store.commit([putSandbox(written)]);
  entry.record = written;
  lead(context, entry);
  context.tell("disconnect", sandbox, [endpoint]);
  await links.follow(container);
  return entry.record.sandbox;
}
