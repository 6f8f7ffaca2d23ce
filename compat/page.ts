/** docs/compatibility.md, out of the route table and the explained differences. */
import type { Context } from "../src/api/app.ts";
import { createApp } from "../src/api/app.ts";
import { type RouteNote, routeTable } from "../src/api/route-table.ts";
import { formatVersion, NEWEST, OLDEST } from "../src/api/version.ts";
import type { Engine } from "../src/engine/types.ts";
import { DIFFERENCES } from "./differences.ts";
import { DOCKER_API } from "./docker-api.ts";
import { literally } from "./lib/explain.ts";

/** @returns the page's text: a function of the source alone */
export async function compatibilityPage(): Promise<string> {
  const routes = await allRoutes();
  const groups = Object.entries(DOCKER_API).map(([name, calls]) => {
    const rows = calls.map(
      ([method, path, summary]) =>
        `| \`${method} ${path}\` | ${summary} | ${stateOf(method, path, routes)} |`,
    );
    return [`## ${name}`, "", "| call | does | here |", "| --- | --- | --- |", ...rows].join("\n");
  });
  return `${HEAD}\n${everywhere()}\n\n${groups.join("\n\n")}\n\n${ownCalls(routes)}\n`;
}

const HEAD = `# Compatibility with the Docker Engine API

Versions ${formatVersion(OLDEST)} to ${formatVersion(NEWEST)} are spoken; fields have the shape of the version that a request asks for. This page is made
from the route table and from what \`npm run compat\` found when it compared replies with dockerd's
(\`UPDATE_DOCS=1 node --test test/unit/compatibility-page.test.ts\` writes it anew). *Works* means: answered as dockerd
answers, as far as those calls go. Where dockerd 20.10, which the calls are compared with, and Docker 28 differ, this engine does as 28
does, and nothing is said here.`;

/** The app with no engine behind it: its routes are all there. */
async function allRoutes(): Promise<readonly RouteNote[]> {
  const nothing = new Proxy({}, { get: () => undefined }) as Engine;
  const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} } as unknown as Context["logger"];
  const app = createApp(nothing, { logger, closing: new AbortController().signal });
  await app.ready();
  const routes = routeTable(app);
  await app.close();
  return routes;
}

/** `:id` and `*` of fastify match a part of Docker's path. */
const patternOf = (url: string): RegExp =>
  new RegExp(
    `^${url
      .split(/:\w+|\*/)
      .map(literally)
      .join(".+")}$`,
  );

function stateOf(method: string, path: string, routes: readonly RouteNote[]): string {
  const sample = path.replace(/\{\w+\}/g, "x");
  const fitting = routes
    .filter((route) => route.method === method && patternOf(route.url).test(sample))
    // As a router does: the one that leaves least open.
    .sort((a, b) => opennessOf(a.url) - opennessOf(b.url));
  const [route] = fitting;
  if (!route) return "404";
  if (route.absent) return `${route.absent.status}: ${inCell(route.absent.sentence)}`;
  const reasons = reasonsOf(`${method} ${path}`);
  return reasons.length === 0 ? "works" : `differs: ${reasons.join("; ")}`;
}

const opennessOf = (url: string): number => url.split(/[:*]/).length;

const reasonsOf = (call: string): readonly string[] =>
  DIFFERENCES.filter((each) => each.call === call && !each.older).map(({ reason }) => inCell(reason));

const inCell = (text: string): string => text.replaceAll("|", "\\|");

function everywhere(): string {
  const reasons = reasonsOf("*");
  return reasons.length === 0 ? "" : `\nFor all calls:\n\n${reasons.map((each) => `- ${each}`).join("\n")}`;
}

function ownCalls(routes: readonly RouteNote[]): string {
  const own = routes.filter(({ url }) => url.startsWith("/drawbridge/"));
  const lines = own.map(({ method, url }) => `- \`${method} ${url.replace(/:(\w+)/g, "{$1}")}\``);
  return ["## Of this engine's own", "", ...lines].join("\n");
}
