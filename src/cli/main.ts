/** Where the process begins and ends. */
import { main } from "./command.ts";

const status = await main(process.argv.slice(2));
// A write that fails is told a moment later, to those who listen for it.
await new Promise((resolve) => process.stdout.write("", resolve));
// What is left open (standard input, a stream that was detached from) keeps nobody waiting.
process.exit(status);
