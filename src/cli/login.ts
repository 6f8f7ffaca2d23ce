import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Context } from "./context.ts";
import { ExitError } from "./errors.ts";
import { configFile, keepLogin, loginAt, serverKey } from "./registry-auth.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin: boolean;
}

interface Answer {
  readonly Status: string;
  readonly IdentityToken?: string;
}

export default verb<Options>({
  usage: "[OPTIONS] [SERVER]",
  about: "Authenticate to a registry",
  flags: [
    flag("-u, --username", "string", "Username"),
    flag("-p, --password", "string", "Password"),
    flag("--password-stdin", "bool", "Take the password from stdin"),
  ],
  least: 0,
  most: 1,
  async run(context, [server], options) {
    const serveraddress = serverKey(server);
    if (options.password !== undefined) {
      if (options.passwordStdin)
        throw new ExitError(1, "--password and --password-stdin are mutually exclusive");
      context.err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    }
    if (options.passwordStdin && !options.username) {
      throw new ExitError(1, "Must provide --username with --password-stdin");
    }
    const known = options.username ? undefined : loginAt(serveraddress);
    const username = options.username ?? known?.username ?? (await ask("Username: ", true));
    const password = await passwordFrom(options, known?.password);
    const given = { username: username.trim(), password, serveraddress };
    const { Status, IdentityToken = "" } = await context.client.post<Answer>("/auth", {}, given);
    keepLogin(given, IdentityToken);
    warnOfPlainText(context);
    context.out(`${Status}\n`);
  },
});

async function passwordFrom(options: Options, known: string | undefined): Promise<string> {
  if (options.passwordStdin) {
    let text = "";
    for await (const piece of process.stdin.setEncoding("utf8")) text += piece;
    return text.replace(/\r?\n$/, "");
  }
  return options.password ?? known ?? (await ask("Password: ", false));
}

/** A line from the terminal; without `echo`, what is typed is not shown. */
async function ask(question: string, echo: boolean): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new ExitError(
      1,
      "Cannot perform an interactive login from a non TTY device: use -u and --password-stdin",
    );
  }
  process.stdout.write(question);
  const output = echo ? process.stdout : new Writable({ write: (_piece, _encoding, done) => done() });
  const input = createInterface({ input: process.stdin, output, terminal: true });
  try {
    return await input.question("");
  } finally {
    input.close();
    if (!echo) process.stdout.write("\n");
  }
}

const warnOfPlainText = ({ err }: Context): void =>
  err(`WARNING! Your credentials are stored unencrypted in '${configFile()}'.\n`);
