/** What the kernel makes of rules in nft(8)'s words. */
import { closeSync } from "node:fs";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../linux/netlink/socket.ts";
import { makeNamespace } from "../../linux/netns.ts";
import { closeContext, Nft, openContext } from "../../linux/nftables/library.ts";
import type { NftRuleset } from "../../linux/nftables/program.ts";
import { readRuleset } from "../../linux/nftables/read-ruleset.ts";

/**
 * Loaded into a namespace that is made for it, read, and gone with it: no two versions of nft write the same program for
 * the same words, and no kernel tells the words.
 * @throws internal with nft's own message; unavailable without libnftables; KernelError
 */
export function readBack(words: string): NftRuleset {
  const { fd, result } = makeNamespace(() => {
    const context = openContext();
    try {
      new Nft(context).run("load rules to compare with", words);
      return readHere();
    } finally {
      closeContext(context);
    }
  });
  closeSync(fd);
  return result;
}

function readHere(): NftRuleset {
  const socket = new NetlinkSocket(NETLINK_NETFILTER);
  try {
    return readRuleset(socket);
  } finally {
    socket.close();
  }
}
