/** Which user a process of a container runs as (Docker API, User and GroupAdd; passwd(5), group(5)). */
import { invalid } from "../../lib/errors.ts";
import { readInRoot } from "../mounts/rootfs.ts";

/** OCI process user, and where it is at home. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/** The two files' texts; empty where the image has none. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

/** Ids are 32 bits; the kernel reads the highest as "leave it". */
const MAX_ID = 2 ** 31 - 1;

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** One below zero is a number as well: out of range, not unknown. */
const parseId = (text: string | undefined): number =>
  text && /^-?\d+$/.test(text) ? Number(text) : Number.NaN;

function* fieldsOf(text: string): Generator<readonly string[]> {
  for (const line of text.split("\n")) {
    const bare = line.trim();
    if (bare !== "" && !bare.startsWith("#")) yield bare.split(":");
  }
}

function* accountsOf(passwd: string): Generator<Account> {
  for (const [name = "", , uid, gid, , home = ""] of fieldsOf(passwd)) {
    const account = { name, uid: parseId(uid), gid: parseId(gid), home };
    if (name && Number.isFinite(account.uid) && Number.isFinite(account.gid)) yield account;
  }
}

function* groupsOf(group: string): Generator<Group> {
  for (const [name = "", , gid, members = ""] of fieldsOf(group)) {
    const id = parseId(gid);
    if (name && Number.isFinite(id)) yield { name, gid: id, members: members.split(",").filter(Boolean) };
  }
}

/** The container's own files. @throws invalid where they lead out of it */
export function accountsIn(rootfs: string): Accounts {
  return {
    passwd: readInRoot(rootfs, "/etc/passwd") ?? "",
    group: readInRoot(rootfs, "/etc/group") ?? "",
  };
}

/**
 * `user[:group]`, each a name or a number; empty is root. A name goes before a number. A user without a
 * group named gets all groups that list him.
 * @throws invalid in Docker's words
 */
export function resolveUser(spec: string, groupAdd: readonly string[], accounts: Accounts): ProcessUser {
  const [userPart = "", groupPart = ""] = spec.split(/:(.*)/s);
  const users = [...accountsOf(accounts.passwd)];
  const groups = [...groupsOf(accounts.group)];

  const account = findAccount(userPart, users);
  const uid = account?.uid ?? (userPart === "" ? 0 : parseId(userPart));
  if (Number.isNaN(uid)) {
    throw invalid(`unable to find user ${userPart}: no matching entries in passwd file`);
  }
  checkRange(uid);

  const named = groupPart === "" ? undefined : groupId(groupPart, groups);
  const gid = named ?? account?.gid ?? 0;
  const memberships =
    named === undefined && account
      ? groups.filter(({ members }) => members.includes(account.name)).map((group) => group.gid)
      : [];
  const added = groupAdd.map((name) => groupId(name, groups));
  return {
    uid,
    gid,
    additionalGids: [...new Set([gid, ...memberships, ...added])],
    home: account?.home || "/",
  };
}

function findAccount(part: string, users: readonly Account[]): Account | undefined {
  if (part === "") return users.find(({ uid }) => uid === 0);
  const id = parseId(part);
  return users.find(({ name }) => name === part) ?? users.find(({ uid }) => uid === id);
}

function groupId(part: string, groups: readonly Group[]): number {
  const found = groups.find(({ name }) => name === part)?.gid ?? parseId(part);
  if (Number.isNaN(found)) throw invalid(`unable to find group ${part}: no matching entries in group file`);
  checkRange(found);
  return found;
}

function checkRange(id: number): void {
  if (id < 0 || id > MAX_ID) throw invalid(`uids and gids must be in range 0-${MAX_ID}`);
}
