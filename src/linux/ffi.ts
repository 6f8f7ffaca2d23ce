/**
 * The way into libc. Declarations stand beside the code that uses them; this module gives the library,
 * and turns a failed call into an error that names its errno.
 */
import { getSystemErrorMap } from "node:util";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");

/** A C function of libc by its prototype. `int64` stands for `ssize_t` and `off_t`, which koffi does not know. */
export const declare = (prototype: string) => libc.func(prototype);

/** Where Node knows an errno by another name than the manual pages do. */
const NAMES: Readonly<Record<string, string>> = { ENOTSUP: "EOPNOTSUPP" };

/** A system call or a netlink request that failed: which, on what, and the errno by name. */
export class KernelError extends Error {
  /** Positive, as in errno.h. */
  readonly errno: number;
  /** `EEXIST`, `ENODEV` …; `E<number>` where Node does not know the name. */
  readonly code: string;
  /** What was being done, on what. */
  readonly what: string;
  /** The kernel's own words, or what is known beyond the errno. */
  readonly detail: string | undefined;
  constructor(what: string, errno: number, detail?: string) {
    const [known, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, "unknown error"];
    const code = NAMES[known] ?? known;
    super(`${what}: ${detail ? `${detail}: ` : ""}${text} (${code})`);
    this.name = "KernelError";
    this.errno = errno;
    this.code = code;
    this.what = what;
    this.detail = detail;
  }

  /** A failed call of node:fs as one of ours. Whatever else was thrown is thrown on. */
  static from(what: string, thrown: unknown): KernelError {
    if (thrown instanceof Error && "errno" in thrown && typeof thrown.errno === "number") {
      return new KernelError(what, Math.abs(thrown.errno));
    }
    throw thrown;
  }
}

/**
 * The result of a libc call that answers -1 on failure. Call it at once: errno belongs to the thread's
 * last call. An asynchronous koffi call leaves its errno on another thread; don't use it there.
 * @throws KernelError
 */
export function check<N extends number | bigint>(what: string, result: N): N {
  if (result < 0) throw new KernelError(what, koffi.errno());
  return result;
}

/** The errno of this thread's last failed call, for callers to whom some errors are answers (EAGAIN). */
export const lastErrno = (): number => koffi.errno();
