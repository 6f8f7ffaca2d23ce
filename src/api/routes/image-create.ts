import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Engine } from "../../engine/types.ts";
import { EngineError, invalid, kindOf, messageOf, notBuiltIn } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { type Query, query } from "../schema.ts";
import { familiar } from "../shapes/image.ts";

const once = ["fromImage", "fromSrc", "repo", "tag", "message", "platform"] as const;

type CreateQuery = Query<(typeof once)[number]> & { readonly changes?: string | readonly string[] };

/** `docker import` and `docker pull`. The body, where there is one, is the image's tar as it comes. */
export function imageCreateRoutes(app: FastifyInstance, { engine }: Context): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));

  app.post<{ Querystring: CreateQuery; Body: unknown }>(
    "/images/create",
    { schema: { querystring: query(once, ["changes"]) } },
    async (request, reply) => {
      const given = request.query;
      const lines = given.fromImage
        ? await pull(engine, given.fromImage, given.tag)
        : await importTar(engine, given, request.body);
      return reply.type("application/json").send(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(""));
    },
  );
}

type Progress = { readonly status: string; readonly id?: string };

async function importTar({ images }: Engine, given: CreateQuery, body: unknown): Promise<Progress[]> {
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
  return [{ status: image.id }];
}

/** No registry is asked: what is here, or can be made here, is all there is. @throws not-found with what to do */
async function pull({ images }: Engine, name: string, tag: string | undefined): Promise<Progress[]> {
  const repository = name.replace(/:$/, "");
  // The tag may be a digest.
  const given = !tag ? repository : `${repository}${tag.includes(":") ? "@" : ":"}${tag}`;
  const reference = familiar(given);
  const there = images.find(reference);
  try {
    await images.resolve(reference);
  } catch (thrown) {
    if (kindOf(thrown) !== "not-found") throw thrown;
    const story = `pull access denied for ${familiar(repository).replace(/:latest$/, "")}, no registry is asked`;
    throw new EngineError("not-found", `${story}: ${messageOf(thrown)}`, { cause: thrown });
  }
  if (there) return [{ status: `Status: Image is up to date for ${reference}` }];
  return [{ status: `Status: Made ${reference} from this machine's own busybox` }];
}
