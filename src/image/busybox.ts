/**
 * An image out of the machine's own static busybox, so that the first command of any tutorial works with
 * no registry in reach. Laid out as the official one; the same package's binary gives the same image everywhere.
 */
import { execFile } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { codeOf, messageOf, notFound } from "../lib/errors.ts";
import { ENTRY_DEFAULTS, type TarEntry } from "../tar/entry.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "../tar/writer.ts";
import type { Description } from "./describe/oci-config.ts";
import { hostPlatform } from "./describe/platform.ts";
import { isStaticElf } from "./elf.ts";
import type { DiffID } from "./types.ts";

/** Where distributions put it. */
const BUSYBOX_PATHS = ["/bin/busybox", "/usr/bin/busybox", "/bin/busybox-static", "/bin/busybox.static"];
const INSTALL = "apt-get install busybox-static";

export interface Busybox {
  readonly binary: Buffer;
  /** When the binary was built, as its package says (RFC 3339): the image's own date. */
  readonly created: string;
  /** Names of its commands: `ls`, `[` … */
  readonly applets: readonly string[];
}

/** @throws not-found, with the command that installs it */
export async function findBusybox(paths: readonly string[] = BUSYBOX_PATHS): Promise<Busybox> {
  const reasons: string[] = [];
  for (const path of paths) {
    try {
      const binary = readFileSync(path);
      if (!isStaticElf(binary)) {
        reasons.push(`${path} is not a static program`);
        continue;
      }
      const { stdout } = await promisify(execFile)(path, ["--list"]);
      const created = statSync(path).mtime.toISOString();
      return { binary, created, applets: stdout.split("\n").filter((name) => /^[\w.[+-]+$/.test(name)) };
    } catch (thrown) {
      const missing = codeOf(thrown) === "ENOENT";
      if (!missing) reasons.push(messageOf(thrown));
    }
  }
  const why = ["no static busybox on this machine to make it from", ...reasons, INSTALL].join(": ");
  throw notFound(`No such image: busybox:latest (${why})`);
}

const directory = (name: string, mode = 0o755, owner = 0): Content => ({
  entry: { ...ENTRY_DEFAULTS, type: "directory", name: `${name}/`, mode, uid: owner, gid: owner },
});
const file = (name: string, data: Buffer | string, mode = 0o644): Content => ({
  entry: { ...ENTRY_DEFAULTS, type: "file", name, mode, size: Buffer.byteLength(data) },
  data: Buffer.from(data),
});

interface Content {
  readonly entry: TarEntry;
  readonly data?: Buffer;
}

const NOBODY = 65534;

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:${NOBODY}:${NOBODY}:nobody:/home:/bin/false
`;
const GROUP = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
wheel:x:10:root
mail:x:8:
www-data:x:33:
operator:x:37:
users:x:100:
nobody:x:${NOBODY}:
`;

/** A locked password each. */
const SHADOW = PASSWD.replace(/^([^:]+):.*$/gm, "$1:*:::::::");

/** All that is in the image, in order. */
export function busyboxContents({ binary, applets }: Busybox): Content[] {
  const links = [...new Set(applets)].filter((name) => name !== "busybox").sort();
  return [
    directory("bin"),
    file("bin/busybox", binary, 0o755),
    ...links.map((name) => ({
      entry: {
        ...ENTRY_DEFAULTS,
        type: "hard-link" as const,
        name: `bin/${name}`,
        linkname: "bin/busybox",
        mode: 0o755,
      },
    })),
    directory("dev"),
    directory("etc"),
    file("etc/group", GROUP),
    file("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"),
    file("etc/passwd", PASSWD),
    file("etc/shadow", SHADOW, 0o640),
    directory("home", 0o755, NOBODY),
    directory("root", 0o700),
    directory("tmp", 0o1777),
    directory("usr"),
    directory("usr/bin"),
    // Scripts begin with `#!/usr/bin/env`.
    {
      entry: {
        ...ENTRY_DEFAULTS,
        type: "symlink",
        name: "usr/bin/env",
        linkname: "../../bin/env",
        mode: 0o777,
      },
    },
    directory("usr/sbin", 0o755, 1),
    directory("var"),
    directory("var/spool"),
    directory("var/spool/mail", 0o755, 8),
    directory("var/www", 0o755, 33),
  ];
}

export async function* archive(contents: readonly Content[]): AsyncGenerator<Buffer> {
  for (const { entry, data } of contents) {
    yield encodeEntry(entry);
    if (!data) continue;
    yield data;
    yield padding(data.length);
  }
  yield END_OF_ARCHIVE;
}

export function busyboxDescription({ created }: Busybox, layer: DiffID): Description {
  const why = "made from this machine's static busybox";
  return {
    ...hostPlatform(),
    created,
    author: "",
    comment: why,
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: ["sh"],
      Labels: { "drawbridge.builtin": "true" },
    },
    diffIds: [layer],
    history: [{ created, createdBy: "drawbridge", comment: why, emptyLayer: false }],
  };
}
