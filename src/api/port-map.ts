/** Published ports in a request (Engine API, PortMap): their schema, and what of them the engine is asked. */
import type { PortMap } from "../container/types.ts";
import { list, map, object, type Schema, text, withoutNulls } from "./schema.ts";

export const portMapSchema: Schema = map(list(object({ HostIp: text, HostPort: text })));

/** As the schema lets it through. */
export type PortMapBody = Readonly<
  Record<
    string,
    readonly ({ readonly HostIp?: string | null; readonly HostPort?: string | null } | null)[] | null
  >
>;

/** A binding that is null asks for nothing in particular, as Go reads it: any host port. */
export const portMapOf = (body: PortMapBody): PortMap =>
  Object.fromEntries(
    Object.entries(body).map(([port, bindings]) => [
      port,
      bindings?.map((each) => withoutNulls(each)) ?? null,
    ]),
  );
