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
/** Each is a thread of the pool's while the kernel holds it. */
const MOST_AT_ONCE = 3;

export class LinkDeleter {
  /** Nothing but deletions goes through them. One that is under way has its socket to itself: it is another thread's. */
  readonly #idle: NetlinkSocket[] = [];
  readonly #underWay = new Set<Promise<void>>();
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
    await Promise.all(this.#underWay);
    this.release();
  }

  /** At once. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    for (const socket of this.#idle.splice(0)) socket.close();
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
      const done = this.#deleteAll(batch);
      this.#underWay.add(done);
      void done.then(() => this.#underWay.delete(done));
      // Once they are gone, others need not wait for what the kernel still does for them.
      const gone = Promise.allSettled([...batch.values()].map(({ promise }) => promise));
      await Promise.race([done, gone]);
      if (this.#underWay.size >= MOST_AT_ONCE) await Promise.race(this.#underWay);
    }
    this.#working = undefined;
  }

  /** Never rejects: who waits for a link is told how it went. */
  async #deleteAll(batch: ReadonlyMap<string, PromiseWithResolvers<void>>): Promise<void> {
    const names = [...batch.keys()];
    const unfollow = followDepartures((name) => batch.get(name)?.resolve());
    const failed = await this.#onSocket((socket) => this.#deleteBatch(socket, names)).catch((thrown) => {
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

  async #onSocket<T>(use: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
    const socket = this.#idle.pop() ?? new NetlinkSocket(NETLINK_ROUTE);
    try {
      return await use(socket);
    } finally {
      // One is kept: several are needed in a rush alone.
      if (this.#released || this.#idle.length > 0) socket.close();
      else this.#idle.push(socket);
    }
  }

  /** @returns what went wrong, by name */
  async #deleteBatch(socket: NetlinkSocket, names: readonly string[]): Promise<Map<string, Error>> {
    if (names.length === 1) return this.#deleteEach(socket, names);
    const failed = new Map<string, Error>();
    const grouped: string[] = [];
    const outcomes = socket.transact(
      names.map((name) => changeLink(what(name), { name, group: this.#group })),
    );
    for (const [index, name] of names.entries()) {
      const error = outcomes[index];
      if (!error) grouped.push(name);
      else if (error.errno !== ENODEV) failed.set(name, error);
    }
    if (grouped.length === 0) return failed;
    const error = await this.#ask(socket, { group: this.#group }, `delete links ${grouped.join(", ")}`);
    if (!error) return failed;
    // One that can't be deleted (hardware, lo) spoils the whole group: the others go one by one.
    socket.transact(grouped.map((name) => changeLink(what(name), { name, group: NO_GROUP })));
    return new Map([...failed, ...(await this.#deleteEach(socket, grouped))]);
  }

  async #deleteEach(socket: NetlinkSocket, names: readonly string[]): Promise<Map<string, Error>> {
    const failed = new Map<string, Error>();
    for (const name of names) {
      const error = await this.#ask(socket, { name }, what(name));
      if (error) failed.set(name, error);
    }
    return failed;
  }

  async #ask(
    socket: NetlinkSocket,
    link: { name: string } | { group: number },
    doing: string,
  ): Promise<Error | undefined> {
    this.#batches += 1;
    try {
      await socket.requestAsync(deleteLink(doing, link));
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
