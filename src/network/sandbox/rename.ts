/** A container's new name: in inspect, DNS, and the alias of its links. */
import type { ContainerID } from "../../lib/ids.ts";
import type { Step } from "../../linux/plan.ts";
import { linkAlias } from "../alias.ts";
import { dnsNames } from "../dns/names.ts";
import type { Context } from "../options.ts";
import { putSandbox } from "../state.ts";
import type { Names } from "./names.ts";

export async function renameContainer(
  context: Context,
  names: Names,
  container: ContainerID,
  name: string,
): Promise<void> {
  const entry = context.ledger.entries.get(container);
  if (!entry) return;
  const { sandbox, files } = entry.record;
  const endpoints = sandbox.endpoints.map((endpoint) => {
    const owner = { id: container, name, hostname: files.hostname };
    const named = endpoint.dnsNames.length > 0 ? dnsNames(owner, endpoint.aliases) : [];
    return { ...endpoint, containerName: name, dnsNames: named };
  });
  const record = { ...entry.record, containerName: name, sandbox: { ...sandbox, endpoints } };
  await context.store.commit([putSandbox(record)]);
  entry.record = record;
  await names.refresh(record);
  const plan = endpoints.flatMap(({ hostInterface, networkName }): Step[] =>
    hostInterface === undefined
      ? []
      : [{ do: "set-link", name: hostInterface, alias: linkAlias(name, networkName) }],
  );
  if (plan.length > 0) await context.kernel.apply(plan);
}
