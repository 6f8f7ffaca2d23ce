import { pipeline, Readable } from "node:stream";
import { createDeflateRaw, createGzip } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { PathStat } from "../../container/types.ts";
import { invalid } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { flag } from "../query.ts";
import { containerReference } from "../references.ts";
import { path as pathParameter, type Query, query } from "../schema.ts";

interface ById {
  readonly id: string;
}

const PATH_STAT = "X-Docker-Container-Path-Stat";

const byId = { params: pathParameter("id") };

/** `docker cp` (Docker API, "Archive"). Bodies are tar archives as they come: it has a reader of its own. */
export function archiveRoutes(app: FastifyInstance, { engine, logger }: Context): void {
  const { containers } = engine;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  const schema = { ...byId, querystring: query(["path"]) };
  const url = "/containers/:id/archive";

  app.head<{ Params: ById; Querystring: Query<"path"> }>(url, { schema }, async (request, reply) => {
    const stat = await containers.statPath(containerReference(request.params.id), asked(request.query.path));
    return reply.header(PATH_STAT, encodeStat(stat)).send();
  });

  app.get<{ Params: ById; Querystring: Query<"path"> }>(
    url,
    { schema, exposeHeadRoute: false },
    async (request, reply) => {
      const { stat, tar } = await containers.readArchive(
        containerReference(request.params.id),
        asked(request.query.path),
      );
      reply.header(PATH_STAT, encodeStat(stat)).type("application/x-tar");
      return reply.send(compressed(tar, request, reply));
    },
  );

  app.put<{
    Params: ById;
    Querystring: Query<"path" | "noOverwriteDirNonDir" | "copyUIDGID">;
    Body: unknown;
  }>(
    url,
    { schema: { ...byId, querystring: query(["path", "noOverwriteDirNonDir", "copyUIDGID"]) } },
    async (request, reply) => {
      const { noOverwriteDirNonDir, copyUIDGID } = request.query;
      const body = request.body instanceof Readable ? request.body : Readable.from([]);
      await containers.writeArchive(containerReference(request.params.id), asked(request.query.path), body, {
        noOverwriteDirNonDir: flag(noOverwriteDirNonDir),
        copyOwner: flag(copyUIDGID),
      });
      return reply.send();
    },
  );

  /** As the client wants it (RFC 9110, Accept-Encoding). */
  function compressed(tar: Readable, request: FastifyRequest, reply: FastifyReply): Readable {
    const encoding = encodingOf(request.headers["accept-encoding"]);
    if (!encoding) return tar;
    reply.header("Content-Encoding", encoding);
    const wrapping = encoding === "gzip" ? createGzip() : createDeflateRaw();
    return pipeline(tar, wrapping, (error) => {
      // The answer is cut off by it: the client sees that it was not all.
      if (error) logger.debug({ error, url: request.originalUrl }, "an archive was not read to its end");
    });
  }
}

/** @throws invalid, in Docker's words */
function asked(path: string | undefined): string {
  if (!path) throw invalid("bad parameter: pathcannot be empty");
  if (path.includes("\0")) throw invalid("bad parameter: path has a NUL in it");
  return path;
}

function encodeStat(stat: PathStat): string {
  const { name, size, mode, mtime, linkTarget } = stat;
  return Buffer.from(JSON.stringify({ name, size, mode, mtime, linkTarget })).toString("base64");
}

/** The first of those that the client takes at all. */
export function encodingOf(accepted: string | undefined): "gzip" | "deflate" | undefined {
  const taken = (accepted ?? "").split(",").flatMap((part) => {
    const [name = "", ...parameters] = part.split(";").map((word) => word.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    return Number(weight) > 0 ? [name] : [];
  });
  return (["gzip", "deflate"] as const).find((name) => taken.includes(name));
}
