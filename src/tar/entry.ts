/** One thing in a tar archive, all that headers of any kind say of it put together. */
export interface TarEntry {
  readonly type:
    | "file"
    | "hard-link"
    | "symlink"
    | "character-device"
    | "block-device"
    | "directory"
    | "fifo";
  /** As archived, a byte string: one character a byte. */
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the file once unpacked; 0 for all but files. */
  readonly size: number;
  /** Seconds since 1970, perhaps with a fraction. */
  readonly mtime: number;
  /** Of links: the other name (hard links: as archived), a byte string. */
  readonly linkname: string;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** Owner, mode, time and extended attributes of what an entry makes. */
export type Attributes = Pick<TarEntry, "mode" | "uid" | "gid" | "mtime" | "xattrs">;

/** Of an entry of which nothing else is said: root's, empty, of 1970. */
export const ENTRY_DEFAULTS = {
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  linkname: "",
  major: 0,
  minor: 0,
  xattrs: new Map<string, Buffer>(),
} as const;

/** typeflag by type; `7` (contiguous file) and NUL read as files too. */
export const TYPEFLAG: Readonly<Record<TarEntry["type"], string>> = {
  file: "0",
  "hard-link": "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
};

/** The prefix of a pax key that holds an extended attribute. */
export const XATTR = "SCHILY.xattr.";
