/**
 * Command lines for sh(1), to be pasted or run. Names in them are others': whoever may make a link in a container may call
 * it `a;reboot`.
 */

/** One word, whatever it holds. POSIX.1-2017, XCU 2.2.2. */
export const shellWord = (text: string): string =>
  /^[\w%+,./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** A command line: what is put in is one word each. */
export const shell = (literal: TemplateStringsArray, ...words: readonly (string | number)[]): string =>
  String.raw({ raw: literal }, ...words.map((word) => shellWord(String(word))));

/**
 * A key of a link, as sysctl(8) takes it: a dot within the link's name is a slash there.
 * @param tree `net.ipv4.conf`
 */
export const linkSysctl = (tree: string, link: string, key: string): string =>
  `${tree}.${link.replaceAll(".", "/")}.${key}`;
