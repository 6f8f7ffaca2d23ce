/** Records of what has happened already. */
import { asError } from "../lib/errors.ts";
import type { Change } from "../store/kv.ts";
import type { Entry } from "./entry.ts";
import type { Context } from "./options.ts";
import type { Changing } from "./record.ts";

/**
 * What has happened is true whether or not it can be made durable: a full disk must not keep a container's end from
 * being dealt with. The next commit tells the store as well.
 */
export const saveIfPossible = (
  context: Context,
  entry: Entry,
  change: Partial<Changing>,
  more: readonly Change[] = [],
): Promise<void> => orTell(context, entry, context.registry.save(entry, change, more));

/** A commit that fails is told to the log. */
export async function orTell(
  { logger }: Context,
  { container }: Entry,
  commit: Promise<void>,
): Promise<void> {
  try {
    await commit;
  } catch (thrown) {
    logger.error({ err: asError(thrown), container: container.id }, "a change of state is not on record");
  }
}
