/** What the embedded DNS is told of sandboxes. */
import { messageOf } from "../../lib/errors.ts";
import type { SandboxID } from "../../lib/ids.ts";
import { jsonKey } from "../../lib/json-key.ts";
import { isUserDefined } from "../defaults.ts";
import type { DnsEndpoint, DnsSandbox } from "../dns/types.ts";
import { addressesOf } from "../family.ts";
import type { FindNetwork } from "../ledger.ts";
import type { Context } from "../options.ts";
import type { SandboxRecord } from "../state.ts";
import type { Endpoint, Sandbox } from "../types.ts";
import { linkedFrom } from "./links.ts";

/** Endpoints whose sandbox has the resolver for their sake. */
const resolvedEndpoints = (sandbox: Sandbox, networkOf: FindNetwork): readonly Endpoint[] =>
  sandbox.mode === "own" ? sandbox.endpoints.filter((endpoint) => isUserDefined(networkOf(endpoint))) : [];

export const hasResolver = (sandbox: Sandbox, networkOf: FindNetwork): boolean =>
  resolvedEndpoints(sandbox, networkOf).length > 0;

const announced = (endpoint: Endpoint): DnsEndpoint => ({
  id: endpoint.id,
  network: endpoint.network,
  networkName: endpoint.networkName,
  names: endpoint.dnsNames,
  addresses: addressesOf(endpoint),
});

export class Names {
  readonly #context: Context;
  /** What each sandbox was served with last, as text. */
  readonly #served = new Map<SandboxID, string>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Make a sandbox's names known and answer its questions, as it is now. */
  async refresh(record: SandboxRecord): Promise<void> {
    const { dns, ledger } = this.#context;
    const { sandbox } = record;
    const endpoints = resolvedEndpoints(sandbox, ledger.networkOf);
    if (endpoints.length > 0) await dns.announce(endpoints.map(announced));
    await this.serve(record);
  }

  /** As far as how it is served has changed. */
  async serve(record: SandboxRecord): Promise<void> {
    const wanted = this.#sandboxOf(record);
    const { id } = record.sandbox;
    if (!wanted) return this.#forget(id);
    const text = jsonKey(wanted);
    if (this.#served.get(id) === text) return;
    this.#served.set(id, text);
    try {
      await this.#context.dns.serve(wanted);
    } catch (thrown) {
      this.#served.delete(id);
      throw thrown;
    }
  }

  async withdraw(endpoints: readonly Endpoint[]): Promise<void> {
    const named = endpoints.filter(({ dnsNames }) => dnsNames.length > 0);
    if (named.length > 0) await this.#context.dns.withdraw(named.map(({ id }) => id));
  }

  /** Its names are unknown, and nobody answers it. */
  async close({ id, endpoints }: Sandbox): Promise<void> {
    await Promise.all([this.#forget(id), this.withdraw(endpoints)]);
  }

  /** All of them, as their links and upstreams are now; one that fails does not keep the others from it. */
  async serveAll(records: readonly SandboxRecord[]): Promise<void> {
    for (const record of records) {
      try {
        await this.serve(record);
      } catch (thrown) {
        const { container } = record.sandbox;
        this.#context.logger.error({ container }, `serve DNS: ${messageOf(thrown)}`);
      }
    }
  }

  async #forget(id: SandboxID): Promise<void> {
    const text = this.#served.get(id);
    if (text === undefined) return;
    this.#served.delete(id);
    try {
      await this.#context.dns.forget(id);
    } catch (thrown) {
      this.#served.set(id, text);
      throw thrown;
    }
  }

  #sandboxOf(record: SandboxRecord): DnsSandbox | undefined {
    const { ledger, composer } = this.#context;
    const { sandbox } = record;
    const endpoints = resolvedEndpoints(sandbox, ledger.networkOf);
    if (endpoints.length === 0) return undefined;
    const others = ledger.standing().map((other) => other.sandbox);
    const links = linkedFrom(sandbox, others).map(({ alias, to }) => ({ alias, endpoint: to.id }));
    const isolated = sandbox.endpoints.every((endpoint) => ledger.networkOf(endpoint).internal);
    const ndots = composer.ndots(record);
    return {
      id: sandbox.id,
      key: sandbox.key,
      networks: endpoints.map(({ network }) => network),
      links,
      upstreams: isolated ? [] : composer.upstreams(record),
      ...(ndots !== undefined && { ndots }),
    };
  }
}
