/** `busybox:latest`, made of this machine's own where nobody brought another: once, however many ask at a time. */
import type { Logger } from "../lib/log.ts";
import { archive, busyboxContents, busyboxDescription, findBusybox } from "./busybox.ts";
import type { Intake } from "./intake.ts";
import type { Image } from "./types.ts";

/** Its whole form. */
export const BUILT_IN = "docker.io/library/busybox:latest";

export class BuiltIn {
  readonly #intake: Intake;
  readonly #logger: Logger;
  readonly #paths: readonly string[] | undefined;
  #making: Promise<Image> | undefined;

  /** @param paths where to look for busybox; where distributions put it, by default */
  constructor(intake: Intake, logger: Logger, paths: readonly string[] | undefined) {
    this.#intake = intake;
    this.#logger = logger;
    this.#paths = paths;
  }

  /** @throws not-found, with what to install */
  get(): Promise<Image> {
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #make(): Promise<Image> {
    const busybox = await findBusybox(this.#paths);
    const image = await this.#intake.make(
      archive(busyboxContents(busybox)),
      ({ diffId }) => busyboxDescription(busybox, diffId),
      { references: [BUILT_IN], tagged: new Date().toISOString() },
    );
    this.#logger.info({ image: image.id }, "made busybox:latest from this machine's static busybox");
    return image;
  }
}
