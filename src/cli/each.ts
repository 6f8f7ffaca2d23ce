import { messageOf } from "../lib/errors.ts";
import type { Context } from "./context.ts";
import { ExitError } from "./errors.ts";

/**
 * Do the same to each of several things, at the same time; what `work` answers, where it does, is printed a line each, in
 * the order asked for. Errors are told at the end, all of them.
 * @throws ExitError 1 where one failed
 */
export async function forEach(
  context: Context,
  words: readonly string[],
  work: (word: string) => Promise<string | undefined>,
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
    if ("thrown" in result) errors.push(messageOf(result.thrown));
    else if (result.line !== undefined) context.out(`${result.line}\n`);
  }
  if (errors.length > 0) throw new ExitError(1, errors.join("\n"));
}
