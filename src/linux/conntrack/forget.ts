/**
 * Forgetting connections. A flow that is tracked keeps its translation whatever the rules say now: what was
 * sent to a port before it was published, or is sent to one that is no more, would go astray until it falls silent.
 *
 * The kernel can delete by a filter itself (IPCTNL_MSG_CT_DELETE with CTA_FILTER), but a kernel that doesn't know
 * filters takes that for an order to delete all, and none says how many it deleted. So: a filtered dump, and
 * deletions one by one.
 */
import { KernelError } from "../ffi.ts";
import type { ConnectionFilter } from "../kernel.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import {
  askConnections,
  type Connection,
  countConnections,
  deleteConnection,
  readConnection,
} from "./connection.ts";

const WHAT = "forget connections";
const ENOENT = 2;
/** Of a kernel that knows filters, but not of this shape. */
const CANNOT_FILTER = new Set(["EINVAL", "EOPNOTSUPP"]);

const FIELDS = ["protocol", "originalDestination", "originalPort", "replySource", "replyPort"] as const;
type Field = (typeof FIELDS)[number];

/** As `Kernel.forgetConnections`. @throws KernelError */
export function forgetConnections(socket: NetlinkSocket, filters: readonly ConnectionFilter[]): number {
  if (filters.length === 0 || isEmpty(socket)) return 0;
  const found = ([4, 6] as const).flatMap((family) =>
    find(
      socket,
      filters.filter((filter) => filter.family === family),
    ),
  );
  const outcomes = socket.transact(found.map((connection) => deleteConnection(WHAT, connection)));
  const failed = outcomes.find((error) => error && error.errno !== ENOENT);
  if (failed) throw failed;
  return outcomes.filter((error) => error === undefined).length;
}

/** The look through an empty table takes a millisecond, its count none. */
function isEmpty(socket: NetlinkSocket): boolean {
  let tracked: number | undefined;
  socket.request(
    countConnections(WHAT, (count) => {
      tracked = count;
    }),
  );
  return tracked === 0;
}

function find(socket: NetlinkSocket, filters: readonly ConnectionFilter[]): Connection[] {
  const [first] = filters;
  if (!first) return [];
  const meant = matcher(filters);
  const ask = (filter: ConnectionFilter) =>
    socket.dump(askConnections(WHAT, filter), ({ payload }) => {
      const connection = readConnection(payload);
      return connection && meant(connection) ? connection : undefined;
    });
  try {
    return ask(common(first, filters));
  } catch (thrown) {
    if (!(thrown instanceof KernelError && CANNOT_FILTER.has(thrown.code))) throw thrown;
    return ask({ family: first.family });
  }
}

/** What all of the filters ask: for the kernel to leave out what none of them is about. */
function common(first: ConnectionFilter, filters: readonly ConnectionFilter[]): ConnectionFilter {
  const agreed = FIELDS.filter((field) => {
    const wanted = keyOf(first, [field]);
    return first[field] !== undefined && filters.every((filter) => keyOf(filter, [field]) === wanted);
  });
  return { family: first.family, ...Object.fromEntries(agreed.map((field) => [field, first[field]])) };
}

/** Whether any of the filters is about a connection: one look-up for each set of fields that they ask about. */
export function matcher(filters: readonly ConnectionFilter[]): (connection: ConnectionFilter) => boolean {
  const shapes = Map.groupBy(filters, (filter) => fieldsOf(filter).join());
  const looks = [...shapes.values()].map((alike) => {
    const fields = fieldsOf(alike[0]);
    return { fields, keys: new Set(alike.map((filter) => keyOf(filter, fields))) };
  });
  return (connection) => looks.some(({ fields, keys }) => keys.has(keyOf(connection, fields)));
}

const fieldsOf = (filter: ConnectionFilter | undefined): Field[] =>
  FIELDS.filter((field) => filter?.[field] !== undefined);

const keyOf = (filter: ConnectionFilter, fields: readonly Field[]): string =>
  fields
    .map((field) => {
      const value = filter[field];
      return typeof value === "object" ? `${value.family} ${value.bits}` : value;
    })
    .join();
