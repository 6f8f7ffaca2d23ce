import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/types.ts";
import { invalid, notBuiltIn } from "../../lib/errors.ts";
import { parseReference } from "../../lib/reference.ts";
import type { Context } from "../app.ts";
import { credentialsIn } from "../credentials.ts";
import { answerWithProgress } from "../progress.ts";
import { type Query, query } from "../schema.ts";
import { withTag } from "./registry.ts";

const once = ["fromImage", "fromSrc", "repo", "tag", "message", "platform"] as const;

type CreateQuery = Query<(typeof once)[number]> & { readonly changes?: string | readonly string[] };

/** `docker import` and `docker pull`. The body, where there is one, is the image's tar as it comes. */
export function imageCreateRoutes(app: FastifyInstance, { engine, closing }: Context): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  app.post<{ Querystring: CreateQuery; Body: unknown }>(
    "/images/create",
    { schema: { querystring: query(once, ["changes"]) } },
    async (request, reply) => {
      const given = request.query;
      if (!given.fromImage) {
        const line = await importTar(engine, given, request.body);
        return reply.type("application/json").send(`${JSON.stringify(line)}\r\n`);
      }
      // `docker pull -a` may send a name that ends in a colon.
      const reference = withTag(given.fromImage.replace(/:$/, ""), given.tag);
      const { tag, digest } = parseReference(reference);
      const { registry } = engine;
      return answerWithProgress(request, reply, closing, async (onProgress, signal) => {
        const options = {
          ...credentialsIn(request.headers),
          ...(given.platform && { platform: given.platform }),
          onProgress,
          signal,
        };
        if (tag ?? digest) await registry.pull(reference, options);
        else await registry.pullAll(reference, options);
      });
    },
  );
}

async function importTar(
  { images }: Engine,
  given: CreateQuery,
  body: unknown,
): Promise<{ readonly status: string }> {
  const { fromSrc, repo, tag, platform } = given;
  if (fromSrc !== "-") {
    if (!fromSrc) throw invalid("give fromSrc=- and a tar as the body, or fromImage");
    throw notBuiltIn(
      `import from an address is not built in: fetch it and pipe it in (curl … ${fromSrc} | docker import -)`,
    );
  }
  if (!(body instanceof Readable)) throw invalid("the request has no body: there is nothing to import");
  const { changes = [] } = given;
  const image = await images.import({
    tar: body,
    ...(repo && { reference: tag ? `${repo}:${tag}` : repo }),
    changes: typeof changes === "string" ? [changes] : changes,
    message: given.message || "Imported from -",
    ...(platform && { platform }),
  });
  return { status: image.id };
}
