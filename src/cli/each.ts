import { messageOf } from "../lib/errors.ts";
import type { Context } from "./context.ts";
import { ExitError } from "./errors.ts";

/**
 * Do the same to each of several things, at the same time; what `work` answers is printed a line each, in
 * the order asked for. Errors are told at the end, all of them.
 * @throws ExitError 1 where one failed
 */
export async function forEach(
  context: Context,
  words: readonly string[],
  work: (word: string) => Promise<string>,
): Promise<void> {
  const errors: string[] = [];
  const results = words.map((word) =>
    work(word).then(
      (line) => ({ line }),
      (thrown: unknown) => ({ thrown }),
    ),
  );
  for (const pending of results) {
    const result = await pending;
    if ("line" in result) context.out(`${result.line}\n`);
    else errors.push(messageOf(result.thrown));
  }
  if (errors.length > 0) throw new ExitError(1, errors.join("\n"));
}
