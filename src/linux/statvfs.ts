/**
 * How the file system of a path is mounted: statvfs(3), in glibc's layout for 64 bits.
 *
 *     struct statvfs {
 *       unsigned long f_bsize, f_frsize;                    //  0
 *       fsblkcnt_t f_blocks, f_bfree, f_bavail;             // 16
 *       fsfilcnt_t f_files, f_ffree, f_favail;              // 40
 *       unsigned long f_fsid, f_flag, f_namemax;            // 64, 72, 80
 *       …
 *     };
 */
import { check, declare } from "./ffi.ts";

const statvfs = declare("int statvfs(const char *path, _Out_ uint8_t *buffer)");

/** More than the structure has. */
const SIZE = 256;
const FLAG_OFFSET = 72;

/** ST_* of sys/statvfs.h, by the names of mount(8). */
const FLAGS = { ro: 1, nosuid: 2, nodev: 4, noexec: 8 } as const;

export type GuardFlag = keyof typeof FLAGS;

/** What is guarded against on the mount that a path lies on. @throws KernelError */
export function guardsOf(path: string): readonly GuardFlag[] {
  const buffer = Buffer.alloc(SIZE);
  check(`statvfs ${path}`, statvfs(path, buffer));
  const bits = Number(buffer.readBigUInt64LE(FLAG_OFFSET));
  return (Object.keys(FLAGS) as GuardFlag[]).filter((flag) => (bits & FLAGS[flag]) !== 0);
}
