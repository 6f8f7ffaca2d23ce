import { randomBytes } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { readFile, realpath } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { contextTar } from "./context-tar.ts";
import { ExitError } from "./errors.ts";
import { lines } from "./lines.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly addHost: readonly string[];
  readonly buildArg: readonly string[];
  readonly cacheFrom: readonly string[];
  readonly file?: string;
  readonly iidfile?: string;
  readonly label: readonly string[];
  readonly memory?: number;
  readonly network?: string;
  readonly noCache: boolean;
  readonly platform?: string;
  readonly pull: boolean;
  readonly quiet: boolean;
  readonly shmSize?: number;
  readonly tag: readonly string[];
  readonly target?: string;
}

interface Message {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number };
  readonly aux?: { readonly ID?: string };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string; readonly code?: number };
}

interface Source {
  readonly body?: Readable;
  readonly remote?: string;
  readonly dockerfile?: string;
}

/** A directory's tar, standard input's as it is, or an address for the engine to refuse or fetch. */
async function sourceOf(context: string, file: string | undefined): Promise<Source> {
  if (/^(https?|git|ssh):\/\//.test(context) || context.startsWith("github.com/")) return { remote: context };
  const named = file === undefined ? {} : { dockerfile: file };
  if (context === "-") {
    if (file === "-")
      throw new ExitError(1, "invalid argument: can't use stdin for both build context and dockerfile");
    return { body: process.stdin, ...named };
  }
  if (!statSync(context, { throwIfNoEntry: false })?.isDirectory()) {
    throw new ExitError(1, `unable to prepare context: path ${JSON.stringify(context)} not found`);
  }
  const directory = await realpath(context);
  if (file === "-") return elsewhere(directory, await buffer(process.stdin));
  const path = file === undefined ? join(directory, "Dockerfile") : resolve(file);
  const inside = relative(directory, await realpath(path).catch(() => path));
  if (inside === ".." || inside.startsWith(`..${sep}`)) return elsewhere(directory, await readFile(path));
  return { body: contextTar(directory, [".dockerignore", inside]), dockerfile: inside };
}

/** A Dockerfile that is not in the context goes along under a name that nothing there has. */
function elsewhere(directory: string, content: Buffer): Source {
  const name = `.dockerfile.${randomBytes(10).toString("hex")}`;
  return { body: contextTar(directory, [".dockerignore"], { name, content }), dockerfile: name };
}

/** `NAME=value`, or NAME with the value that it has here; none, where it has none. */
function argumentsOf(words: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(
    words.map((word): [string, string | null] => {
      const at = word.indexOf("=");
      return at < 0 ? [word, process.env[word] ?? null] : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

const labelsOf = (words: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    words.map((word) => {
      const [key = "", ...value] = word.split("=");
      return [key, value.join("=")];
    }),
  );

const json = (value: object): string | undefined =>
  Object.keys(value).length === 0 ? undefined : JSON.stringify(value);

export default verb<Options>({
  usage: "[OPTIONS] PATH | URL | -",
  about: "Build an image from a Dockerfile",
  flags: [
    flag("--add-host", "list", 'Add a custom host-to-IP mapping ("host:ip")'),
    flag("--build-arg", "list", "Set build-time variables"),
    flag("--cache-from", "strings", "Images to consider as cache sources"),
    flag("-f, --file", "string", 'Name of the Dockerfile (Default is "PATH/Dockerfile")'),
    flag("--iidfile", "string", "Write the image ID to the file"),
    flag("--label", "list", "Set metadata for an image"),
    flag("-m, --memory", "bytes", "Memory limit"),
    flag("--network", "string", "Set the networking mode for the RUN instructions during build"),
    flag("--no-cache", "bool", "Do not use cache when building the image"),
    flag("--platform", "string", "Set platform if server is multi-platform capable"),
    flag("--pull", "bool", "Always attempt to pull a newer version of the image"),
    flag("-q, --quiet", "bool", "Suppress the build output and print image ID on success"),
    flag("--shm-size", "bytes", 'Size of "/dev/shm"'),
    flag("-t, --tag", "list", 'Name and optionally a tag in the "name:tag" format'),
    flag("--target", "string", "Set the target build stage to build."),
  ],
  least: 1,
  most: 1,
  async run({ client, out, err }, [context = ""], options) {
    const { body, remote, dockerfile } = await sourceOf(context, options.file);
    const stream = await client.stream("POST", "/build", {
      query: {
        t: options.tag,
        dockerfile,
        remote,
        buildargs: json(argumentsOf(options.buildArg)),
        labels: json(labelsOf(options.label)),
        cachefrom: options.cacheFrom.length > 0 ? JSON.stringify(options.cacheFrom) : undefined,
        extrahosts: options.addHost,
        memory: options.memory,
        networkmode: options.network,
        nocache: options.noCache,
        platform: options.platform,
        pull: options.pull,
        shmsize: options.shmSize,
        target: options.target,
        q: options.quiet,
      },
      ...(body && { body }),
    });
    let image = "";
    for await (const line of lines(stream)) {
      const message = JSON.parse(line) as Message;
      if (message.error ?? message.errorDetail) {
        const { code, message: why = message.error ?? "" } = message.errorDetail ?? {};
        throw new ExitError(code || 1, why);
      }
      image = message.aux?.ID ?? image;
      if (message.stream !== undefined) out(message.stream);
      else if (message.status && !message.progressDetail?.current) {
        err(`${message.id ? `${message.id}: ` : ""}${message.status}\n`);
      }
      if (options.quiet && message.stream) image = message.stream.trim();
    }
    if (options.iidfile) writeFileSync(options.iidfile, image);
  },
});
