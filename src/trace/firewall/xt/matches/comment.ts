/** `struct xt_comment_info { char comment[256]; };`, linux/netfilter/xt_comment.h: it matches everything. */
import { struct, text } from "../../../../linux/xtables/struct.ts";
import { defineMatch } from "../types.ts";
import { option, quoted } from "../words.ts";

const COMMENT = struct({ comment: text(256) });

export const comment = defineMatch({
  name: "comment",
  decode: (info, revision) => (revision === 0 ? COMMENT.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: COMMENT.encode(value) }),
  matches: () => true,
  words: ({ comment }) => option("comment", false, quoted(comment)),
  parse: (options) => ({ comment: options.must("comment").value }),
});
