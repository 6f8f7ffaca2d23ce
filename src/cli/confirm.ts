import { createInterface } from "node:readline";
import type { Context } from "./context.ts";

/** Ask, and read a line: only `y` is a yes. The end of the input is a no. */
export async function confirm({ out }: Context, question: string): Promise<boolean> {
  out(`${question} [y/N] `);
  const input = createInterface({ input: process.stdin });
  try {
    for await (const line of input) return line.trim().toLowerCase() === "y";
    return false;
  } finally {
    input.close();
  }
}
