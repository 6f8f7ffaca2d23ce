/** `key=value` words, as flags take several of them. A key alone has the empty value. */

export const pair = (text: string, separator = "="): readonly [string, string] => {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
};

export const pairs = (words: readonly string[], separator = "="): Record<string, string> =>
  Object.fromEntries(words.map((word) => pair(word, separator)));
