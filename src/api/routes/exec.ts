import type { FastifyInstance } from "fastify";
import type { ExecView, Session, Status } from "../../container/types.ts";
import { invalid, messageOf } from "../../lib/errors.ts";
import type { Context } from "../app.ts";
import { carry, lingerThenClose, writeFrame } from "../carry.ts";
import { acceptConnection, connectionOf } from "../hijack.ts";
import { containerReference, execReference } from "../references.ts";
import { minorOf } from "../request.ts";
import { boolean, list, object, path, type Query, query, text } from "../schema.ts";
import { execInspect } from "../shapes/exec.ts";
import { streamType, terminalSize } from "./container-streams.ts";

interface ById {
  readonly id: string;
}

const byId = { params: path("id") };
const consoleSize = {
  type: ["array", "null"],
  items: { type: "integer", minimum: 0, maximum: 0xffff },
  minItems: 2,
  maxItems: 2,
};

interface CreateBody {
  /** Rows, then columns. */
  readonly ConsoleSize?: readonly [number, number] | null;
  readonly User?: string | null;
  readonly Privileged?: boolean | null;
  readonly Tty?: boolean | null;
  readonly AttachStdin?: boolean | null;
  readonly AttachStdout?: boolean | null;
  readonly AttachStderr?: boolean | null;
  readonly DetachKeys?: string | null;
  readonly Env?: readonly string[] | null;
  readonly WorkingDir?: string | null;
  readonly Cmd?: readonly string[] | null;
}

const createSchema = object({
  User: text,
  Privileged: boolean,
  Tty: boolean,
  ConsoleSize: consoleSize,
  AttachStdin: boolean,
  AttachStdout: boolean,
  AttachStderr: boolean,
  DetachKeys: text,
  Env: list({ type: "string" }),
  WorkingDir: text,
  Cmd: list({ type: "string" }),
});

interface StartBody {
  readonly Detach?: boolean | null;
  readonly Tty?: boolean | null;
  /** Rows, then columns. */
  readonly ConsoleSize?: readonly [number, number] | null;
}

const startSchema = object({ Detach: boolean, Tty: boolean, ConsoleSize: consoleSize });

const canStart = ({ running, exitCode }: ExecView, status: Status): boolean =>
  !running && exitCode === null && status === "running";

export function execRoutes(app: FastifyInstance, context: Context): void {
  const { containers } = context.engine;

  app.post<{ Params: ById; Body: CreateBody | null }>(
    "/containers/:id/exec",
    { schema: { ...byId, body: createSchema } },
    async (request, reply) => {
      const body = request.body ?? {};
      if (!body.Cmd?.length) throw invalid("No exec command specified");
      const id = await containers.createExec(containerReference(request.params.id), {
        command: body.Cmd,
        terminal: body.Tty ?? false,
        stdin: body.AttachStdin ?? false,
        stdout: body.AttachStdout ?? false,
        stderr: body.AttachStderr ?? false,
        environment: body.Env ?? [],
        user: body.User ?? "",
        workingDirectory: body.WorkingDir ?? "",
        privileged: body.Privileged ?? false,
        ...(body.DetachKeys ? { detachKeys: body.DetachKeys } : {}),
        ...(body.ConsoleSize && minorOf(request) >= 42 && { consoleSize: body.ConsoleSize }),
      });
      reply.code(201);
      return { Id: id };
    },
  );

  app.post<{ Params: ById; Body: StartBody | null }>(
    "/exec/:id/start",
    { schema: { ...byId, body: startSchema } },
    async (request, reply) => {
      const reference = execReference(request.params.id);
      const exec = containers.inspectExec(reference);
      const { Detach: detach, Tty: tty, ConsoleSize: size } = request.body ?? {};
      const minor = minorOf(request);
      const { terminal, stdin } = exec.request;
      const options = {
        detach: detach ?? false,
        ...(size && terminal && minor >= 42 && { consoleSize: size }),
      };
      if (options.detach) {
        await containers.startExec(reference, options);
        return reply.code(200).send();
      }
      const connection = connectionOf(request);
      // As Docker has it: whoever starts it says whether there are frames, whatever the process has.
      const raw = tty ?? false;
      const accept = () => acceptConnection(request, reply, streamType(raw, minor));
      // Where it can start, the head goes out before it does: some clients lose output that comes with the head.
      const startable = canStart(exec, containers.inspect(exec.container).container.state.status);
      if (startable) accept();
      let session: Session | undefined;
      try {
        session = await containers.startExec(reference, options);
      } catch (thrown) {
        if (!startable) throw thrown;
        const line = Buffer.from(`${messageOf(thrown)}\r\n`);
        if (raw) connection.stream.write(line);
        else writeFrame(connection.stream, "stdout", line);
        return lingerThenClose(connection.stream);
      }
      if (!session) throw new TypeError("an exec that was not detached has a session");
      if (!startable) accept();
      await carry(connection, session, { stdin, raw });
    },
  );

  app.get<{ Params: ById }>("/exec/:id/json", { schema: byId }, async (request) =>
    execInspect(containers.inspectExec(execReference(request.params.id))),
  );

  app.post<{ Params: ById; Querystring: Query<"h" | "w"> }>(
    "/exec/:id/resize",
    { schema: { ...byId, querystring: query(["h", "w"]) } },
    async (request, reply) => {
      await containers.resizeExec(execReference(request.params.id), terminalSize(request.query));
      return reply.code(200).send();
    },
  );
}
