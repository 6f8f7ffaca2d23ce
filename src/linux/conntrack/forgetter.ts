/**
 * Forgets connections. A flow that is tracked keeps its translation whatever the rules say now: what was sent
 * to a port before it was published, or is sent to one that is no more, would go astray until it falls silent.
 *
 * The kernel can delete by a filter itself (IPCTNL_MSG_CT_DELETE with CTA_FILTER), but a kernel that doesn't know
 * filters takes that for an order to delete all, one that does takes the wrong IPv6 addresses, and none says how
 * many it deleted. So: a filtered dump, and deletions one by one.
 *
 * A look through the table takes 10 ms however few connections are in it (262,144 buckets), and happens inside the
 * send: so it is made on libuv's pool, and what is asked for meanwhile goes together in the next.
 */
import { constants } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import { asError } from "../../lib/errors.ts";
import { KernelError } from "../ffi.ts";
import type { ConnectionFilter } from "../kernel.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../netlink/socket.ts";
import {
  askConnections,
  type Connection,
  countConnections,
  deleteConnection,
  readConnection,
} from "./connection.ts";
import { common, matcher } from "./matcher.ts";

const WHAT = "forget connections";
const { ENOENT } = constants.errno;
/** Of a kernel that knows filters, but not of this shape. */
const CANNOT_FILTER = new Set(["EINVAL", "EOPNOTSUPP"]);
/** So many deletions at once keep the thread for a millisecond. */
const AT_ONCE = 64;

interface Asked {
  readonly filters: readonly ConnectionFilter[];
  readonly forgotten: PromiseWithResolvers<number>;
}

export class ConnectionForgetter {
  /** Nothing else goes through it: a look may be under way on another thread. */
  readonly #socket = new NetlinkSocket(NETLINK_NETFILTER);
  #waiting: Asked[] = [];
  #working: Promise<void> | undefined;
  #released = false;
  #looks = 0;

  /** How many times the table was looked through. */
  get looks(): number {
    return this.#looks;
  }

  /** As `Kernel.forgetConnections`. @throws KernelError */
  forget(filters: readonly ConnectionFilter[]): Promise<number> {
    const forgotten = Promise.withResolvers<number>();
    this.#waiting.push({ filters, forgotten });
    this.#working ??= this.#work();
    return forgotten.promise;
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

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const asked = this.#waiting;
      this.#waiting = [];
      try {
        const gone = await this.#forget(asked.flatMap(({ filters }) => filters));
        for (const { filters, forgotten } of asked) forgotten.resolve(gone.filter(matcher(filters)).length);
      } catch (thrown) {
        for (const { forgotten } of asked) forgotten.reject(asError(thrown));
      }
    }
    this.#working = undefined;
  }

  /** @returns those that were forgotten */
  async #forget(filters: readonly ConnectionFilter[]): Promise<Connection[]> {
    if (filters.length === 0 || this.#isEmpty()) return [];
    const found = [
      ...(await this.#find(filters.filter(({ family }) => family === 4))),
      ...(await this.#find(filters.filter(({ family }) => family === 6))),
    ];
    const gone: Connection[] = [];
    for (let at = 0; at < found.length; at += AT_ONCE) {
      if (at > 0) await nextTurn();
      const some = found.slice(at, at + AT_ONCE);
      const outcomes = this.#socket.transact(some.map((connection) => deleteConnection(WHAT, connection)));
      const failed = outcomes.find((error) => error && error.errno !== ENOENT);
      if (failed) throw failed;
      gone.push(...some.filter((_, index) => outcomes[index] === undefined));
    }
    return gone;
  }

  #isEmpty(): boolean {
    let tracked: number | undefined;
    this.#socket.request(
      countConnections(WHAT, (count) => {
        tracked = count;
      }),
    );
    return tracked === 0;
  }

  /** @param filters of one family */
  async #find(filters: readonly ConnectionFilter[]): Promise<Connection[]> {
    const [first] = filters;
    if (!first) return [];
    const meant = matcher(filters);
    const look = (filter: ConnectionFilter): Promise<Connection[]> => {
      this.#looks += 1;
      return this.#socket.dumpAsync(askConnections(WHAT, filter), ({ payload }) => {
        const connection = readConnection(payload);
        return connection && meant(connection) ? connection : undefined;
      });
    };
    try {
      return await look(common(first, filters));
    } catch (thrown) {
      if (!(thrown instanceof KernelError && CANNOT_FILTER.has(thrown.code))) throw thrown;
      return look({ family: first.family });
    }
  }
}
