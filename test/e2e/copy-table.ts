/**
 * `docker cp` by the words of the command: what each copy makes of the same few files on both sides. The results are
 * those of dockerd 20.10, but for the paths in its errors, which are the container's own since Docker 23.
 *
 * On the host: file, dir/{a,sub/b,link->a}, linkfile->file, linkdir->dir, broken->nowhere, out/old. In the container,
 * below /c: the same, with contents of its own, linkdir->/c/dir, and dangling->/c/out/absent.
 */
export type Case = readonly [from: string, to: string, result: string];

/** What is new (`+name=contents`, `+name->target`) or gone in the container, or what the command says; `@` is its directory. */
export const INTO: readonly Case[] = [
  ["file", "box:/c/new", "+new=host"],
  ["file", "box:/c/file", "+file=host -file=cont"],
  ["file", "box:/c/dir", "+dir/file=host"],
  ["file", "box:/c/dir/", "+dir/file=host"],
  ["file", "box:/c/absent/", "no such directory"],
  [
    "file",
    "box:/c/absent/new",
    "Error response from daemon: Could not find the file /c/absent in container box",
  ],
  ["file", "box:/c/file/", "no such directory"],
  ["file", "box:/c/linkfile", "+file=host -file=cont"],
  ["file", "box:/c/linkdir", "+dir/file=host"],
  ["file", "box:/c/linkdir/", "+dir/file=host"],
  ["file", "box:/c/broken", "+nowhere=host"],
  ["file", "box:/c/dangling", "+out/absent=host"],
  ["file/", "box:/c/new", "not a directory"],
  ["linkfile", "box:/c/new", "+new->file"],
  ["linkfile", "box:/c/dir", "+dir/linkfile->file"],
  ["-L linkfile", "box:/c/new", "+new=host"],
  ["broken", "box:/c/new", "+new->nowhere"],
  ["-L broken", "box:/c/new", "lstat @/nowhere: no such file or directory"],
  ["absent", "box:/c/new", "lstat @/absent: no such file or directory"],
  ["dir", "box:/c/new", "+new/a=a +new/link->a +new/sub/b=b"],
  ["dir", "box:/c/out", "+out/dir/a=a +out/dir/link->a +out/dir/sub/b=b"],
  ["dir", "box:/c/out/", "+out/dir/a=a +out/dir/link->a +out/dir/sub/b=b"],
  ["dir", "box:/c/dir", "+dir/dir/a=a +dir/dir/link->a +dir/dir/sub/b=b"],
  ["dir/.", "box:/c/dir", "+dir/a=a +dir/sub/b=b -dir/a=ca -dir/sub/b=cb"],
  ["dir/.", "box:/c/new", "+new/a=a +new/link->a +new/sub/b=b"],
  ["dir/.", "box:/c/out", "+out/a=a +out/link->a +out/sub/b=b"],
  ["dir", "box:/c/file", "cannot copy directory"],
  [
    "dir",
    "box:/c/file/",
    'Error response from daemon: cannot overwrite non-directory "/c/file" with directory "/c"',
  ],
  ["dir", "box:/c/absent/", "+absent/a=a +absent/link->a +absent/sub/b=b"],
  [
    "dir",
    "box:/c/absent/new",
    "Error response from daemon: Could not find the file /c/absent in container box",
  ],
  ["dir", "box:/c/linkdir", "+dir/dir/a=a +dir/dir/link->a +dir/dir/sub/b=b"],
  ["dir/.", "box:/c/linkdir", "+dir/a=a +dir/sub/b=b -dir/a=ca -dir/sub/b=cb"],
  ["dir", "box:/c/linkfile", "cannot copy directory"],
  ["linkdir", "box:/c/out", "+out/linkdir->dir"],
  ["linkdir/", "box:/c/out", "+out/linkdir/a=a +out/linkdir/link->a +out/linkdir/sub/b=b"],
  ["linkdir/.", "box:/c/out", "+out/a=a +out/link->a +out/sub/b=b"],
  ["-L linkdir", "box:/c/out", "+out/linkdir/a=a +out/linkdir/link->a +out/linkdir/sub/b=b"],
  ["-a file", "box:/c/new", "+new=host"],
];

/** The same, on the host. */
export const OUT_OF: readonly Case[] = [
  ["box:/c/file", "new", "+new=cont"],
  ["box:/c/file", "file", "+file=cont -file=host"],
  ["box:/c/file", "out", "+out/file=cont"],
  ["box:/c/file", "out/", "+out/file=cont"],
  ["box:/c/file", "absent/", "no such directory"],
  ["box:/c/file", "absent/new", 'invalid output path: directory "@/absent" does not exist'],
  ["box:/c/file", "file/", "stat @/file/: not a directory"],
  ["box:/c/file", "linkfile", "+file=cont -file=host"],
  ["box:/c/file", "linkdir", "+dir/file=cont"],
  ["box:/c/file", "broken", "+nowhere=cont"],
  ["box:/c/file/", "new", "Error response from daemon: lstat /c/file/: not a directory"],
  ["box:/c/linkfile", "new", "+new->file"],
  ["-L box:/c/linkfile", "new", "+new=cont"],
  ["box:/c/linkfile/", "new", "Error response from daemon: lstat /c/linkfile/: not a directory"],
  ["box:/c/broken", "new", "+new->nowhere"],
  [
    "-L box:/c/broken",
    "new",
    "Error response from daemon: Could not find the file /c/nowhere in container box",
  ],
  ["box:/c/absent", "new", "Error response from daemon: Could not find the file /c/absent in container box"],
  ["box:/c/dir", "new", "+new/a=ca +new/link->a +new/sub/b=cb"],
  ["box:/c/dir", "out", "+out/dir/a=ca +out/dir/link->a +out/dir/sub/b=cb"],
  ["box:/c/dir/", "out", "+out/dir/a=ca +out/dir/link->a +out/dir/sub/b=cb"],
  ["box:/c/dir/.", "out", "+out/a=ca +out/link->a +out/sub/b=cb"],
  ["box:/c/dir/.", "new", "+new/a=ca +new/link->a +new/sub/b=cb"],
  ["box:/c/dir", "file", "cannot copy directory"],
  ["box:/c/dir", "file/", "stat @/file/: not a directory"],
  ["box:/c/dir", "linkdir", "+dir/dir/a=ca +dir/dir/link->a +dir/dir/sub/b=cb"],
  ["box:/c/dir", "absent/new", 'invalid output path: directory "@/absent" does not exist'],
  ["box:/c/linkdir", "out", "+out/linkdir->/c/dir"],
  ["box:/c/linkdir/", "out", "+out/linkdir/a=ca +out/linkdir/link->a +out/linkdir/sub/b=cb"],
  ["box:/c/linkdir/.", "out", "+out/a=ca +out/link->a +out/sub/b=cb"],
  ["-L box:/c/linkdir", "out", "+out/linkdir/a=ca +out/linkdir/link->a +out/linkdir/sub/b=cb"],
  ["box:c/file", "new", "+new=cont"],
  ["box:/c/../c/file", "new", "+new=cont"],
];

/** Names in the archive of `docker cp path -`. */
export const ARCHIVED: readonly (readonly [from: string, names: string])[] = [
  ["box:/c/dir", "dir/ dir/a dir/link dir/sub/ dir/sub/b"],
  ["box:/c/dir/", "dir/ dir/a dir/link dir/sub/ dir/sub/b"],
  ["box:/c/dir/.", "./ ./a ./link ./sub/ ./sub/b"],
  ["box:/c/linkdir", "linkdir"],
  ["box:/c/linkdir/", "linkdir/ linkdir/a linkdir/link linkdir/sub/ linkdir/sub/b"],
  ["box:/c/linkdir/.", "./ ./a ./link ./sub/ ./sub/b"],
  ["box:/c/file", "file"],
  ["box:/c/broken", "broken"],
];
