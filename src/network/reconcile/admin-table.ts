/** The administrator's own table of the firewall: made where it is missing, and taken away only as it was made. */
import type { Kernel } from "../../linux/kernel.ts";
import { ADMIN_TABLE, dropAdminTable, isAdminTableUntouched, makeAdminTable } from "../firewall/admin.ts";

type Firewall = Pick<Kernel, "nft">;

const isAmong = (tables: string): boolean => tables.includes(`table ${ADMIN_TABLE}\n`);

/** One that is there stays as it is. @param tables as nft lists them */
export async function ensureAdminTable(kernel: Firewall, tables: string): Promise<void> {
  if (!isAmong(tables)) await kernel.nft(makeAdminTable());
}

/** @returns what was done, or why not; nothing where there is none */
export async function removeAdminTable(kernel: Firewall): Promise<string | undefined> {
  if (!isAmong(await kernel.nft("list tables"))) return undefined;
  if (!isAdminTableUntouched(await kernel.nft(`list table ${ADMIN_TABLE}`))) {
    return `left the table ${ADMIN_TABLE}: it holds rules that are not the engine's`;
  }
  await kernel.nft(dropAdminTable());
  return `removed the table ${ADMIN_TABLE}`;
}
