/** Which containers a list shows (Engine API, "List containers"). */
import type { ContainerView } from "../container/types.ts";
import type { Engine } from "../engine/types.ts";
import { invalid } from "../lib/errors.ts";
import type { ImageID } from "../lib/ids.ts";
import { type Filters, matcherOf, matchesLabel } from "./filters.ts";
import { networkNames } from "./shapes/endpoint.ts";
import { familiar } from "./shapes/image.ts";
import { portList } from "./shapes/ports.ts";

export const CONTAINER_FILTERS: ReadonlySet<string> = new Set([
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
]);

const STATUSES = new Set(["created", "restarting", "running", "removing", "paused", "exited", "dead"]);
const HEALTHS = new Set(["none", "starting", "healthy", "unhealthy"]);

export interface ListOptions {
  readonly all: boolean;
  /** The newest so many, running or not; undefined for all. */
  readonly limit?: number | undefined;
  readonly filters: Filters;
}

type Test = (view: ContainerView) => boolean;

const runs = ({ container: { state } }: ContainerView) =>
  state.status === "running" || state.status === "paused" || state.status === "restarting";

/** @throws invalid for values that no container could have; not-found for `before` and `since` */
export function selectContainers(engine: Engine, options: ListOptions): readonly ContainerView[] {
  const { filters, limit } = options;
  const tests = testsOf(filters, engine);
  if (!options.all && !limit && !filters.has("status")) tests.push(runs);
  const views = between(engine.containers.list(), filters, engine);
  const shown = tests.length === 0 ? views : views.filter((view) => tests.every((test) => test(view)));
  return limit ? shown.slice(0, limit) : shown;
}

/** `before` and `since` by place in the list, which is newest first. */
function between(
  views: readonly ContainerView[],
  filters: Filters,
  engine: Engine,
): readonly ContainerView[] {
  const place = (name: string): number | undefined => {
    const [reference] = filters.of(name);
    if (reference === undefined) return undefined;
    const { id } = engine.containers.inspect(reference).container;
    return views.findIndex(({ container }) => container.id === id);
  };
  const before = place("before");
  return views.slice(before === undefined ? 0 : before + 1, place("since"));
}

function testsOf(filters: Filters, engine: Engine): Test[] {
  const tests: Test[] = [];
  const add = (name: string, testOf: (value: string) => Test) => {
    if (!filters.has(name)) return;
    const alternatives = filters.of(name).map(testOf);
    tests.push((view) => alternatives.some((test) => test(view)));
  };
  add("id", (value) => {
    const matches = matcherOf(value);
    return ({ container }) => matches(container.id);
  });
  add("name", (value) => {
    const matches = matcherOf(value);
    return ({ container, linkedAs = [] }) =>
      [container.name, ...linkedAs].some((name) => matches(name) || matches(`/${name}`));
  });
  add("status", (value) => {
    if (!STATUSES.has(value)) throw invalid(`invalid filter 'status=${value}'`);
    return ({ container }) => container.state.status === value;
  });
  add("exited", (value) => {
    if (!/^-?\d+$/.test(value)) throw invalid(`invalid filter 'exited=${value}'`);
    return ({ container: { state } }) => state.status === "exited" && state.exitCode === Number(value);
  });
  add("health", (value) => {
    if (!HEALTHS.has(value)) throw invalid(`invalid filter 'health=${value}'`);
    return ({ container }) => (container.state.health?.status ?? "none") === value;
  });
  add("ancestor", (value) => ancestorTest(value, engine));
  add("network", (value) => networkTest(value, engine));
  add(
    "volume",
    (value) =>
      ({ container }) =>
        container.mounts.some(
          ({ Name, Source, Destination }) => (Name ?? Source) === value || Destination === value,
        ),
  );
  const ports = portsTest(filters);
  if (ports) tests.push(ports);
  const isTask = filters.boolean("is-task");
  add("is-task", () => () => isTask === false);
  for (const label of filters.of("label")) {
    tests.push(({ container }) => matchesLabel(container.config.Labels, label));
  }
  return tests;
}

/** Containers of an image, or of one that was committed or built on it. */
function ancestorTest(reference: string, engine: Engine): Test {
  const wanted = engine.images.find(reference);
  if (!wanted) {
    const name = familiar(reference);
    return ({ container }) => familiar(container.config.Image) === name;
  }
  const parents = new Map(engine.images.list().map(({ id, parent }) => [id, parent]));
  return ({ container }) => {
    let id: ImageID | undefined = container.image;
    while (id !== undefined && id !== wanted.id) id = parents.get(id);
    return id === wanted.id;
  };
}

interface PortRange {
  readonly first: number;
  readonly last: number;
  readonly protocol: string;
}

/** `80`, `80/udp`, `7000-7009/tcp`. @throws invalid in Docker's words */
function portRange(filter: string, value: string): PortRange {
  if (value.includes(":")) throw invalid(`filter for '${filter}' should not contain ':': ${value}`);
  const [range = "", protocol] = value.split("/");
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range) ?? [];
  if (first === undefined || Number(last) < Number(first) || Number(last) > 0xffff) {
    throw invalid(
      `error while looking up for ${filter} ${value}: invalid range specified for port: ${range}`,
    );
  }
  return { first: Number(first), last: Number(last), protocol: protocol || "tcp" };
}

/** Host ports of `publish`, containers' own of `expose`: one of either will do. */
function portsTest(filters: Filters): Test | undefined {
  const of = (name: string) => filters.of(name).map((value) => portRange(name, value));
  const [published, exposed] = [of("publish"), of("expose")];
  if (published.length + exposed.length === 0) return undefined;
  const within = (ranges: readonly PortRange[], port: number | undefined, type: string) =>
    port !== undefined &&
    ranges.some(({ first, last, protocol }) => first <= port && port <= last && protocol === type);
  return (view) =>
    portList(view).some(
      ({ PublicPort, PrivatePort, Type }) =>
        within(published, PublicPort, Type) || within(exposed, PrivatePort, Type),
    );
}

/** By the network's name, or what its id begins with. */
function networkTest(reference: string, engine: Engine): Test {
  const all = engine.networks.list();
  const network =
    all.find(({ name }) => name === reference) ??
    (reference === "" ? undefined : all.find(({ id }) => id.startsWith(reference)));
  // Those that wait for a network of that name are found by it as well.
  const names = [reference, ...(network ? [network.name, network.id] : [])];
  return ({ container, sandbox }) =>
    sandbox?.endpoints.some((each) => each.network === network?.id && each.container === container.id) ??
    networkNames(container).some((name) => names.includes(name));
}
