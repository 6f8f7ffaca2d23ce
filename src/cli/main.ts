/** The command: finds the verb, reads its flags, runs it, and turns what went wrong into words and a status. */
import { useCompileCache } from "./compile-cache.ts";

useCompileCache();
const { main } = await import("./command.ts");
// What is left open (standard input, a stream that was detached from) keeps nobody waiting.
process.exit(await main(process.argv.slice(2)));
