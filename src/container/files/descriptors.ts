/** Descriptors that are closed whatever happens. */
import { closeSync } from "node:fs";

export function withDescriptor<T>(descriptor: number, work: (descriptor: number) => T): T {
  try {
    return work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
