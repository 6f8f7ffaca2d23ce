/** The iptables programs of the host, iptables-save(8) and iptables-restore(8): of nftables' kind, and the legacy ones. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { inContext } from "../../lib/errors.ts";
import { findProgram } from "../../lib/programs.ts";
import { readIptablesSave } from "./iptables-save.ts";
import type { Table } from "./ruleset.ts";

export type Tool = "iptables" | "iptables-legacy";
type Family = "ip" | "ip6";

/** Milliseconds. */
const PATIENCE = 10_000;
/** Bytes of output; a rule has about a hundred. */
const MOST = 64 << 20;

/** All tables, as the tool sees them; undefined where it isn't installed. @throws where it fails */
export async function saveTables(tool: Tool, family: Family): Promise<readonly Table[] | undefined> {
  const program = await find(tool, family, "save");
  if (program === undefined) return undefined;
  return readIptablesSave(await run(program, []), { tool, family });
}

/** Carry out what iptables-restore reads, as one, beside what is there. @throws with its own message */
export async function restore(table: Table, input: string): Promise<void> {
  const { tool, family } = table;
  if (tool === "nft" || (family !== "ip" && family !== "ip6"))
    throw new TypeError(`table ${family} ${table.name} is not of iptables`);
  const program = await find(tool, family, "restore");
  if (program === undefined) throw new Error(`no iptables-restore for table ${family} ${table.name}`);
  await run(program, ["--noflush", "--wait"], input);
}

/** Whether there is a filter table of the legacy kind. Asking the program instead would make one. */
export function hasLegacyTable(family: Family): boolean {
  try {
    return readFileSync(`/proc/net/${family}_tables_names`, "utf8").split("\n").includes("filter");
  } catch {
    return false; // the kernel is without it, or it isn't loaded
  }
}

/** By its own name, or as what the plain name stands for. */
async function find(tool: Tool, family: Family, verb: "save" | "restore"): Promise<string | undefined> {
  const plain = family === "ip" ? "iptables" : "ip6tables";
  const kind = tool === "iptables" ? "nft" : "legacy";
  const own = findProgram(`${plain}-${kind}-${verb}`);
  const other = own === undefined ? findProgram(`${plain}-${verb}`) : undefined;
  if (other === undefined) return own;
  // `iptables-save v1.8.9 (nf_tables)`; before 1.8 there was the legacy kind alone, and it did not say so.
  const version = await run(other, ["--version"]);
  return version.includes("nf_tables") === (tool === "iptables") ? other : undefined;
}

function run(program: string, args: readonly string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: PATIENCE, maxBuffer: MOST }, (error, stdout, stderr) => {
      if (error) reject(inContext(`${program}: ${stderr.trim() || "failed"}`, error));
      else resolve(stdout);
    });
    // One that ends without reading says why by its exit code.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}
