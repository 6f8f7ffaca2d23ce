import { packageVersion } from "../lib/version.ts";
import { compileTemplate } from "./template.ts";
import { toJson } from "./template-functions.ts";
import { formatBinarySize } from "./values.ts";
import { flag, verb } from "./verb.ts";

type Info = Readonly<Record<string, unknown>>;

const row = (name: string, value: unknown): string =>
  value === undefined || value === null || value === "" ? "" : ` ${name}: ${value}\n`;

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

const rows = (name: string, values: unknown): string =>
  isList(values) && values.length > 0 ? ` ${name}:\n${values.map((value) => `  ${value}\n`).join("")}` : "";

function plugins(value: unknown): string {
  if (typeof value !== "object" || value === null) return "";
  const lines = Object.entries(value)
    .filter((entry): entry is [string, readonly unknown[]] => isList(entry[1]) && entry[1].length > 0)
    .map(([kind, names]) => `  ${kind}: ${names.join(" ")}\n`);
  return lines.length > 0 ? ` Plugins:\n${lines.join("")}` : "";
}

/** `name=seccomp,profile=builtin` as `seccomp` with its profile on a line of its own. */
function security(options: unknown): string {
  if (!isList(options) || options.length === 0) return "";
  const lines = options.map((option) => {
    const fields = String(option)
      .split(",")
      .map((field) => field.split("=", 2));
    const name = fields.find(([key]) => key === "name")?.[1] ?? String(option);
    const rest = fields.filter(([key]) => key !== "name" && key !== undefined);
    return `  ${name}\n${rest.map(([key = "", value = ""]) => `   ${key[0]?.toUpperCase()}${key.slice(1)}: ${value}\n`).join("")}`;
  });
  return ` Security Options:\n${lines.join("")}`;
}

function infoText(info: Info): string {
  const runtimes = Object.keys((info.Runtimes as object | undefined) ?? {}).join(" ");
  const memory = typeof info.MemTotal === "number" ? formatBinarySize(info.MemTotal) : undefined;
  return (
    row("Containers", info.Containers) +
    `  Running: ${info.ContainersRunning}\n  Paused: ${info.ContainersPaused}\n  Stopped: ${info.ContainersStopped}\n` +
    row("Images", info.Images) +
    row("Server Version", info.ServerVersion) +
    row("Storage Driver", info.Driver) +
    row("Logging Driver", info.LoggingDriver) +
    row("Cgroup Driver", info.CgroupDriver) +
    row("Cgroup Version", info.CgroupVersion) +
    plugins(info.Plugins) +
    row("Runtimes", runtimes) +
    row("Default Runtime", info.DefaultRuntime) +
    security(info.SecurityOptions) +
    row("Kernel Version", info.KernelVersion) +
    row("Operating System", info.OperatingSystem) +
    row("OSType", info.OSType) +
    row("Architecture", info.Architecture) +
    row("CPUs", info.NCPU) +
    row("Total Memory", memory) +
    row("Name", info.Name) +
    row("ID", info.ID) +
    row("Docker Root Dir", info.DockerRootDir) +
    row("Debug Mode", info.Debug) +
    rows("Labels", info.Labels) +
    row("Experimental", info.ExperimentalBuild) +
    row("Live Restore Enabled", info.LiveRestoreEnabled)
  );
}

export default verb<{ format?: string }>({
  usage: "[OPTIONS]",
  about: "Display system-wide information",
  flags: [flag("-f, --format", "string", "Format output: json, or a Go template")],
  least: 0,
  most: 0,
  async run(context, _, { format = "" }) {
    const template = format && format !== "json" ? compileTemplate(format) : undefined;
    const own = { Debug: false, Context: context.host, Version: packageVersion() };
    if (!format) {
      context.out(
        `Client:\n Version:    ${own.Version}\n Context:    ${own.Context}\n Debug Mode: false\n\nServer:\n`,
      );
    }
    const info = await context.client.get<Info>("/info");
    const data = { ...info, ClientInfo: own };
    if (template) context.out(`${template(data)}\n`);
    else if (format === "json") context.out(`${toJson(data)}\n`);
    else {
      context.out(`${infoText(info)}\n`);
      const { Warnings: warnings } = info;
      if (isList(warnings)) context.err(warnings.map((warning) => `${warning}\n`).join(""));
    }
  },
});
