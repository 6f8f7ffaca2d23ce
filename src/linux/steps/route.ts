/** Steps that add and delete routes of the main table. */
import { constants } from "node:os";
import { firstOf, type Prefix, sameAddress } from "../../lib/ip.ts";
import { KernelError } from "../ffi.ts";
import type { Route } from "../kernel.ts";
import { describe, type Fact, type StepOf } from "../plan.ts";
import {
  addRoute,
  askRoutes,
  deleteRoute,
  readRoute,
  removeRoute,
  restoreRoute,
  toldRoute,
} from "../rtnetlink/route.ts";
import { RT_TABLE, RTN } from "../rtnetlink/route-numbers.ts";
import type { Scope } from "../scope.ts";

const { ESRCH } = constants.errno;

type RouteStep = StepOf<"add-route"> | StepOf<"delete-route">;

export function giveRoute(step: StepOf<"add-route">, scope: Scope): Fact {
  const what = describe(step);
  const { netns } = step;
  const route = routeOf(what, step, scope);
  scope.socket(netns).request(addRoute(what, route));
  scope.undo(what, () => scope.socket(netns).request(deleteRoute(what, route)));
  return {};
}

/** Reads the route first: it comes back with its metric, its source and whatever else it had. */
export function takeRoute(step: StepOf<"delete-route">, scope: Scope): Fact {
  const what = describe(step);
  const { netns } = step;
  const wanted = routeOf(what, step, scope);
  const [standing] = scope.socket(netns).dump(askRoutes(what, wanted.family), ({ payload }) => {
    const told = readRoute(payload);
    return told && answers(told, wanted) ? toldRoute(payload) : undefined;
  });
  if (!standing) throw new KernelError(what, ESRCH);
  scope.socket(netns).request(removeRoute(what, standing));
  scope.undo(what, () => scope.socket(netns).request(restoreRoute(what, standing)));
  return {};
}

function routeOf(what: string, { netns, to, family, via, link }: RouteStep, scope: Scope): Route {
  return {
    family: to === "default" ? (via?.family ?? family ?? 4) : to.address.family,
    to,
    ...(via && { via }),
    ...(link !== undefined && { ifindex: scope.ifindex(what, netns, link) }),
    table: RT_TABLE.main,
    type: RTN.unicast,
  };
}

/** Whether a route is one that was asked for: what was not said may be anything. */
function answers(told: Route, { family, to, via, ifindex, table, type }: Route): boolean {
  return (
    told.family === family &&
    told.table === table &&
    told.type === type &&
    sameDestination(told.to, to) &&
    (via === undefined || (told.via !== undefined && sameAddress(told.via, via))) &&
    (ifindex === undefined || told.ifindex === ifindex)
  );
}

function sameDestination(a: Prefix | "default", b: Prefix | "default"): boolean {
  if (a === "default" || b === "default") return a === b;
  return a.length === b.length && sameAddress(firstOf(a), firstOf(b));
}
