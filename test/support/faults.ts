/**
 * Faults for tests of an engine on a real kernel: each call that it makes of its parts can be made to fail, once, and
 * of a plan each step. Calls are told apart by what asked for them, so that what the engine does on its own beside it
 * (watching other firewalls) is left alone.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Between } from "../../src/engine/engine.ts";
import type { Plan, Step } from "../../src/linux/plan.ts";
import type { Dns, DnsEndpoint, DnsSandbox } from "../../src/network/dns/types.ts";
import type { PortLease } from "../../src/network/port/types.ts";

/** What every failed call says: its own words, or the kernel's about the step that was put in. */
export const INJECTED = /injected|via 203\.0\.113\.1/;

/** No link leads there: the kernel answers ENETUNREACH, and nothing that the engine could put right by itself. */
const FAILING_STEP: Step = {
  do: "add-route",
  to: { address: { family: 4, bits: 0xc6336400n }, length: 24 },
  via: { family: 4, bits: 0xcb007101n },
};

const KERNEL = [
  "deleteLinks",
  "links",
  "addresses",
  "routes",
  "nft",
  "forgetConnections",
  "readSysctl",
] as const;
const SUPERVISOR = ["create", "start", "delete", "pause", "resume", "update"] as const;
const IMAGES = ["mount", "unmount", "createLayer", "removeLayer", "commit"] as const;
const DNS = ["serve", "forget", "announce", "withdraw"] as const;

export class Faults {
  readonly #context = new AsyncLocalStorage<true>();
  /** How often each call was made since `begin`. */
  #counts = new Map<string, number>();
  #points: string[] = [];
  #fault: string | undefined;
  #met = false;
  /** What the DNS was told, as far as it took it. */
  readonly served = new Map<string, DnsSandbox>();
  readonly announced = new Map<string, DnsEndpoint>();

  /**
   * Run `work` while the call of this name fails.
   * @returns the names of all calls that it made, a name each time, and whether the one that was to fail was made
   */
  async during(
    fault: string | undefined,
    work: () => Promise<unknown>,
  ): Promise<{ readonly points: readonly string[]; readonly met: boolean; readonly error?: unknown }> {
    this.#counts = new Map();
    this.#points = [];
    this.#fault = fault;
    this.#met = false;
    const error = await this.#context.run(true, work).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    this.#fault = undefined;
    return { points: [...this.#points], met: this.#met, ...(error !== undefined && { error }) };
  }

  /** Calls made by what `work` starts are told apart as well, when `during` has its turn. */
  heard<T>(work: () => Promise<T>): Promise<T> {
    return this.#context.run(true, work);
  }

  readonly between: Between = {
    store: (store) => this.#faulty(store, "store", ["commit"]),
    kernel: (kernel) => {
      const faulty = this.#faulty(kernel, "kernel", KERNEL);
      return this.#replacing(faulty, {
        apply: (plan: Plan) => this.#apply(plan, (part) => kernel.apply(part)),
        dismantle: (plan: Plan) => this.#dismantle(plan, (part) => kernel.dismantle(part)),
      });
    },
    ports: (ports) =>
      this.#replacing(ports, {
        take: (...args: Parameters<typeof ports.take>) =>
          this.#perhaps("ports.take", async () =>
            this.#faulty<PortLease>(await ports.take(...args), "lease", ["release"]),
          ),
      }),
    dns: (dns) => this.#faulty(this.#listening(dns), "dns", DNS),
    supervisor: (supervisor) => this.#faulty(supervisor, "supervisor", SUPERVISOR),
    images: (images) => this.#faulty(images, "images", IMAGES),
    volumes: (volumes) => this.#faulty(volumes, "volumes", ["create", "remove", "mount", "unmount"]),
  };

  #name(call: string): string | undefined {
    if (!this.#context.getStore()) return undefined;
    const count = this.#counts.get(call) ?? 0;
    this.#counts.set(call, count + 1);
    return `${call} ${count}`;
  }

  #isToFail(point: string): boolean {
    this.#points.push(point);
    if (this.#fault !== point) return false;
    this.#met = true;
    return true;
  }

  async #perhaps<T>(call: string, work: () => Promise<T>): Promise<T> {
    const name = this.#name(call);
    if (name !== undefined && this.#isToFail(name)) throw new Error(`injected: ${name}`);
    return work();
  }

  /** Before its first step, before its second, … or after its last. */
  async #apply<T>(plan: Plan, apply: (plan: Plan) => Promise<T>): Promise<T> {
    const name = this.#name("kernel.apply");
    if (name === undefined || plan.length === 0) return apply(plan);
    for (let at = 0; at <= plan.length; at += 1) {
      if (!this.#isToFail(`${name} before step ${at}`)) continue;
      return apply([...plan.slice(0, at), FAILING_STEP]);
    }
    return apply(plan);
  }

  /** Each step by itself is left undone, past which the others are done. */
  async #dismantle(plan: Plan, dismantle: (plan: Plan) => Promise<void>): Promise<void> {
    const name = this.#name("kernel.dismantle");
    if (name === undefined || plan.length === 0) return dismantle(plan);
    for (const [at, failing] of plan.entries()) {
      const point = `${name} step ${at}`;
      if (!this.#isToFail(point)) continue;
      await dismantle(plan.filter((step) => step !== failing));
      throw new Error(`injected: ${point}`);
    }
    return dismantle(plan);
  }

  /** The same object, but that the named methods may be made to fail. */
  #faulty<T extends object>(part: T, name: string, methods: readonly (keyof T & string)[]): T {
    return this.#replacing(
      part,
      Object.fromEntries(
        methods.map((key) => [
          key,
          (...args: unknown[]) =>
            this.#perhaps(`${name}.${key}`, async () => Reflect.apply(methodOf(part, key), part, args)),
        ]),
      ),
    );
  }

  #replacing<T extends object>(part: T, methods: Readonly<Record<string, unknown>>): T {
    return new Proxy(part, {
      get(target, key) {
        if (typeof key === "string" && key in methods) return methods[key];
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  #listening(dns: Dns): Dns {
    return {
      prepare: () => dns.prepare(),
      serve: async (sandbox) => {
        await dns.serve(sandbox);
        this.served.set(sandbox.id, sandbox);
      },
      forget: async (sandbox) => {
        await dns.forget(sandbox);
        this.served.delete(sandbox);
      },
      announce: async (endpoints) => {
        await dns.announce(endpoints);
        for (const endpoint of endpoints) this.announced.set(endpoint.id, endpoint);
      },
      withdraw: async (endpoints) => {
        await dns.withdraw(endpoints);
        for (const endpoint of endpoints) this.announced.delete(endpoint);
      },
      stop: () => dns.stop(),
    };
  }
}

function methodOf(part: object, key: string): (...args: unknown[]) => unknown {
  const value: unknown = Reflect.get(part, key, part);
  if (typeof value !== "function") throw new Error(`${key} is no method`);
  return (...args) => Reflect.apply(value, part, args);
}
