/**
 * Modes as Docker's clients read them: not the kernel's st_mode, but Go's os.FileMode (Docker API, header
 * X-Docker-Container-Path-Stat). The nine permission bits are the same; all else has a bit of its own:
 *
 *     1<<31 directory      1<<25 named pipe      1<<20 sticky
 *     1<<27 symbolic link  1<<24 socket          1<<19 of no known kind
 *     1<<26 device         1<<23 setuid
 *                          1<<22 setgid
 *                          1<<21 character device, with the device's bit
 */

/** S_IF* of inode(7), and Go's bits for them. */
const KINDS: ReadonlyMap<number, number> = new Map([
  [0o100000, 0],
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o020000, 2 ** 26 + 2 ** 21],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
]);
const IRREGULAR = 2 ** 19;

const SPECIAL: readonly (readonly [bit: number, go: number])[] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

/** @param mode st_mode of inode(7) */
export function goFileMode(mode: number): number {
  const kind = KINDS.get(mode & 0o170000) ?? IRREGULAR;
  const special = SPECIAL.reduce((sum, [bit, go]) => (mode & bit ? sum + go : sum), 0);
  return kind + special + (mode & 0o777);
}
