/** Whose fault it is that something of an archive can't be made. */
import { codeOf } from "../lib/errors.ts";

/** Names, links, attributes and sizes that no file has: no other machine would take them either. */
const FAULTS: ReadonlySet<string> = new Set(["ENAMETOOLONG", "ELOOP", "ENOTDIR", "EFBIG", "E2BIG", "ERANGE"]);

/** Whether the kernel refused what the archive says, rather than that it be done here. */
export const isArchivesFault = (thrown: unknown): boolean => FAULTS.has(codeOf(thrown) ?? "");
