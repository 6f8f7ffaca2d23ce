/** `WorkingDir` of a container that never ran. */
import type { UndoStack } from "../../lib/undo.ts";
import type { Context } from "../options.ts";
import type { Container } from "../types.ts";
import { makeDirectoryInRoot } from "./rootfs.ts";

/**
 * It is there before the first start: what is copied to or from the container finds it, and a volume that covers it
 * is filled with it.
 * @throws invalid where the image has something else there, in Docker's words
 */
export async function makeWorkingDirectory(
  { images }: Context,
  { id, config }: Pick<Container, "id" | "config">,
  undo: UndoStack,
): Promise<void> {
  if (!config.WorkingDir || config.WorkingDir === "/") return;
  const root = await images.mount(id);
  undo.push("unmount the root filesystem", () => images.unmount(id));
  makeDirectoryInRoot(root.path, config.WorkingDir);
  await images.unmount(id);
}
