import type { FastifyInstance } from "fastify";
import type { CommitOptions, ContainerConfig } from "../../container/types.ts";
import type { FilesystemChange } from "../../image/types.ts";
import { conflict, invalid, notFound } from "../../lib/errors.ts";
import { familiar, parseReference, withDefaultTag } from "../../lib/reference.ts";
import type { Context } from "../app.ts";
import { type CreateBody, createSchema } from "../create-request.ts";
import { parseFilters } from "../filters.ts";
import { PRUNE_FILTERS, prunable } from "../prune-filters.ts";
import { flag } from "../query.ts";
import { containerReference } from "../references.ts";
import { path, type Query, query, withoutNulls } from "../schema.ts";

interface ById {
  readonly id: string;
}

const byId = { params: path("id") };

/** Docker API, "Get changes on a container's filesystem". */
const KINDS: Readonly<Record<FilesystemChange["kind"], number>> = { modified: 0, added: 1, deleted: 2 };

const COMMIT_QUERY = ["container", "repo", "tag", "comment", "author", "pause"] as const;

type CommitQuery = Query<(typeof COMMIT_QUERY)[number]> & { readonly changes?: string | readonly string[] };

/** What a container wrote: changes, export, commit; and those that stopped, removed together. */
export function containerFileRoutes(app: FastifyInstance, { engine }: Context): void {
  const { containers } = engine;

  app.get<{ Params: ById }>("/containers/:id/changes", { schema: byId }, async (request) => {
    const changes = await containers.changes(containerReference(request.params.id));
    return changes.length === 0
      ? null
      : changes.map((change) => ({ Path: change.path, Kind: KINDS[change.kind] }));
  });

  app.get<{ Params: ById }>("/containers/:id/export", { schema: byId }, async (request, reply) => {
    const tar = await containers.export(containerReference(request.params.id));
    return reply.type("application/octet-stream").send(tar);
  });

  app.post<{ Querystring: CommitQuery; Body: CreateBody | null }>(
    "/commit",
    { schema: { querystring: query(COMMIT_QUERY, ["changes"]), body: createSchema } },
    async (request, reply) => {
      const options = commitOptions(request.query, request.body);
      const id = await containers.commit(containerReference(request.query.container ?? ""), options);
      return reply.code(201).send({ Id: id });
    },
  );

  // A link's name has a slash in it.
  app.delete<{ Params: { readonly "*": string }; Querystring: Query<"force" | "v" | "link"> }>(
    "/containers/*",
    { schema: { querystring: query(["force", "v", "link"]) } },
    async (request, reply) => {
      const name = request.params["*"];
      if (!flag(request.query.link)) throw notFound(`No such container: ${name}`);
      await containers.removeLink(name);
      return reply.code(204).send();
    },
  );

  let pruning = false;
  app.post<{ Querystring: Query<"filters"> }>(
    "/containers/prune",
    { schema: { querystring: query(["filters"]) } },
    async (request) => {
      const select = prunable(parseFilters(request.query.filters, PRUNE_FILTERS), Date.now());
      if (pruning) throw conflict("a prune operation is already running");
      pruning = true;
      try {
        const candidates = containers
          .list()
          .map(({ container }) => container)
          .filter(({ created, config }) => select({ created, labels: config.Labels }));
        const { deleted, reclaimed } = await containers.prune(candidates.map(({ id }) => id));
        return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
      } finally {
        pruning = false;
      }
    },
  );
}

/** @throws invalid */
function commitOptions(given: CommitQuery, body: CreateBody | null): CommitOptions {
  const { repo, tag, comment = "", author = "", pause, changes = [] } = given;
  if (repo?.includes("@")) throw invalid("cannot import digest reference");
  const config = body && Object.keys(body).length > 0 ? configOf(body) : undefined;
  return {
    ...(repo && { reference: familiar(withDefaultTag(parseReference(tag ? `${repo}:${tag}` : repo))) }),
    comment,
    author,
    pause: pause === undefined || pause === "" || flag(pause),
    changes: typeof changes === "string" ? [changes] : changes,
    ...(config && { config }),
  };
}

function configOf(body: CreateBody): Partial<ContainerConfig> {
  const { HostConfig: _host, NetworkingConfig: _networks, Cmd, Entrypoint, ...rest } = body;
  const asList = (words: string | readonly string[]) => (typeof words === "string" ? [words] : words);
  return {
    ...withoutNulls(rest),
    ...(Cmd && { Cmd: asList(Cmd) }),
    ...(Entrypoint && { Entrypoint: asList(Entrypoint) }),
  };
}
