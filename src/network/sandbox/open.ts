/** A sandbox's opening: whole and ready for traffic, or nothing of it. */
import { conflict, failuresOf, throwAll } from "../../lib/errors.ts";
import { undoing } from "../../lib/undo.ts";
import type { Fact, Plan } from "../../linux/plan.ts";
import { drivers } from "../drivers.ts";
import { digestOf, type FileContents, removeFiles, writeFiles } from "../files/files.ts";
import { elementSteps, sandboxElements } from "../firewall-state.ts";
import type { Entry } from "../ledger.ts";
import type { Context, Followers } from "../options.ts";
import { dropSandbox, putSandbox, type SandboxRecord } from "../state.ts";
import type { Endpoint, Network, Sandbox, SandboxRequest } from "../types.ts";
import { checkRequest } from "./check.ts";
import { takeDown } from "./close.ts";
import { designSandbox, type SandboxDesign } from "./design.ts";
import { pinHostNamespace } from "./host-namespace.ts";
import { hasIpv6, openPlan } from "./plan.ts";
import { forgetConnections, lead, publishWaiting } from "./publication.ts";

/** @throws as `Networks.openSandbox` */
export async function openSandbox(
  context: Context,
  { names, links }: Followers,
  request: SandboxRequest,
): Promise<Sandbox> {
  checkRequest(request);
  const { ledger, store } = context;
  const { container } = request;
  if (ledger.entries.has(container)) throw conflict(`container ${container} has a sandbox already`);
  // Nothing is awaited until the entry stands: no two sandboxes are given the same address.
  const design = designSandbox(request, {
    ledger,
    hostGateways: context.hostGateways(),
    execRoot: context.execRoot,
  });
  const entry: Entry = { record: design, phase: "opening", leases: [] };
  ledger.entries.set(container, entry);
  return await undoing(async (undo) => {
    undo.push("reserve addresses", () => void ledger.entries.delete(container));
    const { record: published, lease } = await publishWaiting(context, design);
    if (lease) {
      entry.leases = [lease];
      undo.push("take host ports", () => lease.release());
    }
    const contents = contentsOf(context, published, request);
    const record = withFiles(context, published, contents);
    const { sandbox } = record;
    if (sandbox.mode === "host") pinHostNamespace(sandbox.key);
    // What a crash leaves behind is found by its record.
    await store.commit([putSandbox(record)]);
    undo.push("record the sandbox", () => store.commit([dropSandbox(container)]));
    // The firewall knows its addresses before its links are there.
    const plan = [
      ...elementSteps(request.containerName, {}, sandboxElements(sandbox, ledger.networkOf)),
      ...openPlan(sandbox, ledger.networkOf, request.sysctls),
    ];
    const [made, written] = await Promise.allSettled([
      plan.length > 0 ? context.apply(plan).catch(explained(context, sandbox)) : [],
      contents && writeFiles(record, contents),
    ]);
    undo.push("write its files", () => removeFiles(record));
    if (made.status === "rejected") throw made.reason;
    undo.push("make the sandbox", () => takeDown(context, sandbox));
    if (written.status === "rejected") throw written.reason;
    undo.push("name it", () => names.close(sandbox));
    // Both have ended before anything is undone.
    throwAll(
      `open the sandbox of ${request.containerName}`,
      failuresOf(
        await Promise.allSettled([names.refresh(record), forgetConnections(context, sandbox.ports)]),
      ),
    );
    entry.record = { ...record, sandbox: withFacts(sandbox, plan, made.value) };
    entry.phase = "open";
    lead(context, entry);
    undo.push("open it", () => {
      entry.phase = "opening";
    });
    await links.refresh();
    context.tell("connect", sandbox);
    return entry.record.sandbox;
  });
}

/** Throws with what drivers know of it. */
const explained =
  ({ ledger }: Context, { endpoints }: Sandbox) =>
  (thrown: unknown): never => {
    throw endpoints.map(ledger.networkOf).reduce(explain, thrown);
  };

const explain = (thrown: unknown, network: Network): unknown =>
  drivers[network.driver].explain(network, thrown);

/** Who shares a namespace sees its owner's files. */
function contentsOf(
  { composer }: Context,
  design: SandboxDesign,
  { sysctls }: SandboxRequest,
): FileContents | undefined {
  if (design.sandbox.mode === "shared") return undefined;
  const ipv6 = hasIpv6(design.sandbox.endpoints) || sysctls["net.ipv6.conf.all.disable_ipv6"] === "0";
  return { hosts: composer.hosts(design, ipv6), resolvConf: composer.resolvConf(design) };
}

const withFiles = (
  { composer }: Context,
  design: SandboxDesign,
  contents: FileContents | undefined,
): SandboxRecord =>
  contents
    ? { ...design, resolvConf: digestOf(contents.resolvConf), hosts: composer.ownHosts(design) }
    : design;

/** The sandbox with what the kernel told of its links. */
export function withFacts(sandbox: Sandbox, plan: Plan, facts: readonly Fact[]): Sandbox {
  const endpoints = sandbox.endpoints.map((endpoint): Endpoint => {
    const at = plan.findIndex((step) => step.do === "add-veth" && step.name === endpoint.hostInterface);
    const { ifindex, peerIfindex } = facts[at] ?? {};
    return {
      ...endpoint,
      ...(ifindex !== undefined && { ifindex }),
      ...(peerIfindex !== undefined && { peerIfindex }),
    };
  });
  return { ...sandbox, endpoints };
}
