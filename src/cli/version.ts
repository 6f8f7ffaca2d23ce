import { packageVersion } from "../lib/version.ts";
import { NEWEST_API } from "./engine-client.ts";
import { compileTemplate } from "./template.ts";
import { toJson } from "./template-functions.ts";
import { flag, verb } from "./verb.ts";
import type { ServerVersion } from "./wire.ts";

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

const client = () => ({
  Version: packageVersion(),
  ApiVersion: NEWEST_API,
  DefaultAPIVersion: NEWEST_API,
  NodeVersion: process.version,
  Os: process.platform,
  Arch: ARCHITECTURES[process.arch] ?? process.arch,
});

const line = (indent: number, name: string, value: string): string =>
  `${" ".repeat(indent)}${`${name}:`.padEnd(19 - indent)}${value}\n`;

function clientText(): string {
  const { Version, ApiVersion, NodeVersion, Os, Arch } = client();
  return (
    "Client:\n" +
    line(1, "Version", Version) +
    line(1, "API version", ApiVersion) +
    line(1, "Node version", NodeVersion) +
    line(1, "OS/Arch", `${Os}/${Arch}`)
  );
}

function serverText(server: ServerVersion): string {
  const [engine, ...parts] = server.Components ?? [];
  const name = server.Platform?.Name || "Drawbridge";
  let text = `\nServer: ${name}\n ${engine?.Name ?? "Engine"}:\n`;
  text += line(2, "Version", server.Version);
  text += line(2, "API version", `${server.ApiVersion} (minimum version ${server.MinAPIVersion})`);
  if (server.KernelVersion) text += line(2, "Kernel", server.KernelVersion);
  text += line(2, "OS/Arch", `${server.Os}/${server.Arch}`);
  for (const part of parts) text += ` ${part.Name}:\n${line(2, "Version", part.Version)}`;
  return text;
}

export default verb<{ format?: string }>({
  usage: "[OPTIONS]",
  about: "Show the Drawbridge version information",
  flags: [flag("-f, --format", "string", "Format output: json, or a Go template")],
  least: 0,
  most: 0,
  async run(context, _, { format = "" }) {
    const template = format && format !== "json" ? compileTemplate(format) : undefined;
    let server: ServerVersion | undefined;
    let failure: unknown;
    try {
      server = await context.client.get<ServerVersion>("/version");
    } catch (thrown) {
      failure = thrown;
    }
    const data = { Client: client(), Server: server ?? null };
    if (template) context.out(`${template(data)}\n`);
    else if (format === "json") context.out(`${toJson(data)}\n`);
    else context.out(clientText() + (server ? serverText(server) : ""));
    // What is known of the client is told even where there is no engine.
    if (!server) throw failure;
  },
});
