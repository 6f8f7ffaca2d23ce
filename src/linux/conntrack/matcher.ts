/** Which connections are meant, when many filters are asked about at once. */
import type { ConnectionFilter } from "../kernel.ts";

const FIELDS = ["protocol", "originalDestination", "originalPort", "replySource", "replyPort"] as const;
type Field = (typeof FIELDS)[number];

/** Whether any of the filters is about a connection: one look-up for each set of fields that they ask about. */
export function matcher(filters: readonly ConnectionFilter[]): (connection: ConnectionFilter) => boolean {
  const shapes = Map.groupBy(filters, (filter) => fieldsOf(filter).join());
  const looks = [...shapes.values()].map((alike) => {
    const fields = fieldsOf(alike[0]);
    return { fields, keys: new Set(alike.map((filter) => keyOf(filter, fields))) };
  });
  return (connection) => looks.some(({ fields, keys }) => keys.has(keyOf(connection, fields)));
}

/** What all of the filters ask, which are of one family: for the kernel to leave out what none of them is about. */
export function common(first: ConnectionFilter, filters: readonly ConnectionFilter[]): ConnectionFilter {
  const agreed = FIELDS.filter((field) => {
    const wanted = keyOf(first, [field]);
    return first[field] !== undefined && filters.every((filter) => keyOf(filter, [field]) === wanted);
  });
  return { family: first.family, ...Object.fromEntries(agreed.map((field) => [field, first[field]])) };
}

const fieldsOf = (filter: ConnectionFilter | undefined): Field[] =>
  FIELDS.filter((field) => filter?.[field] !== undefined);

const keyOf = (filter: ConnectionFilter, fields: readonly Field[]): string => {
  const values = fields.map((field) => {
    const value = filter[field];
    return typeof value === "object" ? `${value.family} ${value.bits}` : value;
  });
  return [filter.family, ...values].join();
};
