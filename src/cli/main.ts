/** Where the process begins and ends. */
import { main } from "./command.ts";

// What is left open (standard input, a stream that was detached from) keeps nobody waiting.
process.exit(await main(process.argv.slice(2)));
