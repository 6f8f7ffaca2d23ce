/**
 * Deletes links without keeping anybody waiting. The kernel holds each RTM_DELLINK for an RCU grace period
 * of 10 to 30 ms, however many links it names: so while one deletion is under way, further ones gather,
 * and go together in the next, as one link group. Who waits for a link is told when it is gone, which is earlier.
 */
import { randomInt } from "node:crypto";
import { constants } from "node:os";
import { asError, failuresOf } from "../lib/errors.ts";
import { KernelError } from "./ffi.ts";
import { followDepartures } from "./link-departures.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "./netlink/socket.ts";
import { inNamespace } from "./netns.ts";
import type { NetnsPath } from "./plan.ts";
import { changeLink, deleteLink } from "./rtnetlink/link.ts";

const { ENODEV } = constants.errno;
const NO_GROUP = 0;

export class LinkDeleter {
  /** Nothing but deletions goes through it: one may be under way on another thread. */
  readonly #socket = new NetlinkSocket(NETLINK_ROUTE);
  /** A number that nobody else is likely to use for a link group. */
  readonly #group = randomInt(2 ** 30, 2 ** 31);
  #waiting = new Map<string, PromiseWithResolvers<void>>();
  #working: Promise<void> | undefined;
  #batches = 0;
  #released = false;

  /** How many times the kernel was asked: each is one grace period. */
  get batches(): number {
    return this.#batches;
  }

  /**
   * Delete links of the engine's own namespace by name; resolves when they are gone. One that is gone
   * already is no failure.
   * @throws KernelError; AggregateError of several
   */
  async delete(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const asked = new Set(names).values().map((name) => this.#enqueue(name));
    const settled = Promise.allSettled([...asked]);
    this.#working ??= this.#work();
    const errors = failuresOf(await settled);
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, "delete links");
  }

  /** Once what was asked for is done. */
  async close(): Promise<void> {
    while (this.#working) await this.#working;
    this.release();
  }

  /** At once. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#socket.close();
  }

  #enqueue(name: string): Promise<void> {
    const waiting = this.#waiting.get(name) ?? Promise.withResolvers<void>();
    this.#waiting.set(name, waiting);
    return waiting.promise;
  }

  async #work(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = this.#waiting;
      this.#waiting = new Map();
      const names = [...batch.keys()];
      const unfollow = followDepartures((name) => batch.get(name)?.resolve());
      const failed = await this.#deleteBatch(names).catch((thrown) => {
        const error = asError(thrown);
        return new Map(names.map((name) => [name, error]));
      });
      unfollow();
      for (const [name, { resolve, reject }] of batch) {
        const error = failed.get(name);
        if (error) reject(error);
        else resolve();
      }
    }
    this.#working = undefined;
  }

  /** @returns what went wrong, by name */
  async #deleteBatch(names: readonly string[]): Promise<Map<string, Error>> {
    if (names.length === 1) return this.#deleteEach(names);
    const failed = new Map<string, Error>();
    const grouped: string[] = [];
    const outcomes = this.#socket.transact(
      names.map((name) => changeLink(what(name), { name, group: this.#group })),
    );
    for (const [index, name] of names.entries()) {
      const error = outcomes[index];
      if (!error) grouped.push(name);
      else if (error.errno !== ENODEV) failed.set(name, error);
    }
    if (grouped.length === 0) return failed;
    const error = await this.#ask({ group: this.#group }, `delete links ${grouped.join(", ")}`);
    if (!error) return failed;
    // One that can't be deleted (hardware, lo) spoils the whole group: the others go one by one.
    this.#socket.transact(grouped.map((name) => changeLink(what(name), { name, group: NO_GROUP })));
    return new Map([...failed, ...(await this.#deleteEach(grouped))]);
  }

  async #deleteEach(names: readonly string[]): Promise<Map<string, Error>> {
    const failed = new Map<string, Error>();
    for (const name of names) {
      const error = await this.#ask({ name }, what(name));
      if (error) failed.set(name, error);
    }
    return failed;
  }

  async #ask(link: { name: string } | { group: number }, doing: string): Promise<Error | undefined> {
    this.#batches += 1;
    try {
      await this.#socket.requestAsync(deleteLink(doing, link));
      return undefined;
    } catch (thrown) {
      return thrown instanceof KernelError && thrown.errno === ENODEV ? undefined : asError(thrown);
    }
  }
}

/** Delete a link of another namespace. What happens to it there keeps nobody waiting either. @throws KernelError */
export async function deleteLinkIn({ netns, name }: { netns: NetnsPath; name: string }): Promise<void> {
  const socket = inNamespace(netns, () => new NetlinkSocket(NETLINK_ROUTE));
  try {
    await socket.requestAsync(deleteLink(what(name), { name }));
  } finally {
    socket.close();
  }
}

const what = (name: string): string => `delete link ${name}`;
