/** `daemon --clean`: give the host back as it was before the engine, where no container runs any more. */
import { codeOf, inContext, throwAll } from "../../lib/errors.ts";
import { bootId } from "../../linux/host.ts";
import type { Kernel } from "../../linux/kernel.ts";
import { withdrawAll } from "../coexistence/survey.ts";
import { drivers } from "../drivers.ts";
import { dropRules } from "../firewall/rules.ts";
import { FORWARDING } from "../forwarding.ts";
import { readHostState } from "../host-state.ts";
import type { NetworksOptions } from "../options.ts";
import { unpinHostNamespace } from "../sandbox/host-namespace.ts";
import { hostNetnsPath, linksOf, unpinPlan } from "../sandbox/plan.ts";
import {
  dropNetwork,
  dropSandbox,
  dropSysctl,
  dropUniqueLocal,
  loadNetworks,
  loadSandboxes,
  loadSysctls,
  type OnDamage,
} from "../state.ts";
import { removeAdminTable } from "./admin-table.ts";

/**
 * Sandboxes, links, rules and sysctls, past failures; user-defined intent is forgotten with them.
 * @returns what was done, a line each
 * @throws AggregateError
 */
export async function cleanNetworks({
  kernel,
  store,
  execRoot,
}: Pick<NetworksOptions, "kernel" | "store" | "execRoot">): Promise<readonly string[]> {
  const errors: unknown[] = [];
  const damaged: OnDamage = (key, cause) => errors.push(inContext(`read ${key}`, cause));
  const [networks, records, sysctls] = await Promise.all([
    loadNetworks(store, damaged),
    loadSandboxes(store, damaged),
    loadSysctls(store, damaged),
  ]);
  const facts = await readHostState(kernel);
  const done: string[] = [];
  const attempt = async (what: string, work: () => Promise<unknown> | unknown) => {
    try {
      await work();
      done.push(what);
    } catch (thrown) {
      errors.push(thrown);
    }
  };

  for (const { sandbox } of records) {
    await attempt(`removed sandbox ${sandbox.key}`, async () => {
      await kernel.deleteLinks(linksOf(sandbox));
      await kernel.dismantle(unpinPlan(sandbox));
    });
  }
  await attempt("unpinned the host's own network namespace", () =>
    unpinHostNamespace(hostNetnsPath(execRoot)),
  );
  for (const network of networks) {
    if (network.configOnly) continue;
    const plan = drivers[network.driver].remove(network, facts, []);
    if (plan.length > 0) await attempt(`removed network ${network.name}`, () => kernel.dismantle(plan));
  }
  // Forwarding is given back before the rules that kept it in bounds go.
  const forwardingFirst = [...sysctls].toSorted(
    ([a], [b]) => Number(!isForwarding(a)) - Number(!isForwarding(b)),
  );
  for (const [key, { before, boot }] of forwardingFirst) {
    if (boot !== bootId() || (await currentOf(kernel, key)) === before) continue;
    await attempt(`set ${key} back to ${before}`, () =>
      kernel.apply([{ do: "set-sysctl", key, value: before }]),
    );
  }
  await attempt("removed the firewall's tables", () => kernel.nft(dropRules()));
  try {
    done.push(...(await withdrawAll(kernel)));
    done.push(...[await removeAdminTable(kernel)].flatMap((line) => line ?? []));
  } catch (thrown) {
    errors.push(thrown);
  }
  if (errors.length === 0) {
    await store.commit([
      ...records.map(({ sandbox }) => dropSandbox(sandbox.container)),
      ...networks.map(dropNetwork),
      ...[...sysctls.keys()].map(dropSysctl),
      dropUniqueLocal,
    ]);
  }
  throwAll("clean the host", errors);
  return done;
}

const isForwarding = (key: string): boolean => Object.values<string>(FORWARDING).includes(key);

/** Undefined where its link is gone. */
async function currentOf(kernel: Kernel, key: string): Promise<string | undefined> {
  try {
    return await kernel.readSysctl(key);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
