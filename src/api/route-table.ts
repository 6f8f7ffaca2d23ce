/** Which routes an app has: for docs/compatibility.md, and for tests that go through all of them. */
import type { FastifyInstance } from "fastify";
import type { Absence } from "./routes/absent.ts";

export interface RouteNote extends Partial<Absence> {
  readonly method: string;
  /** In fastify's form: `/containers/:id/json`. */
  readonly url: string;
}

const TABLES = new WeakMap<FastifyInstance, RouteNote[]>();

/** Note every route that is added from now on. */
export function keepRouteTable(app: FastifyInstance): void {
  const table: RouteNote[] = [];
  TABLES.set(app, table);
  app.addHook("onRoute", ({ method, url, config }) => {
    const { absent } = (config ?? {}) as Partial<Absence>;
    for (const each of [method].flat()) table.push({ method: each, url, ...(absent && { absent }) });
  });
}

export const routeTable = (app: FastifyInstance): readonly RouteNote[] => TABLES.get(app) ?? [];
