/** What depends on what was before, or on chance: limits, quotas, numbers drawn. */
import { be32Or0, readBe64 } from "../../../../linux/nftables/read-numbers.ts";
import { either, type Operation, registerAt, type Way } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

/** NFT_LIMIT_F_INV, NFT_QUOTA_F_INV, NFT_CONNLIMIT_F_INV */
const INVERTED = 1;
/** Outcomes of a draw that are told apart. */
const MOST_NUMBERS = 8;

const budget = (within: string, over: string, inverted: boolean): Operation =>
  inverted
    ? () => ({
        ways: [
          { assuming: within, go: () => "break" },
          { assuming: over, go: () => "continue" },
        ],
      })
    : () => either(within, over);

/** enum nft_limit_attributes { …, NFTA_LIMIT_RATE, NFTA_LIMIT_UNIT, NFTA_LIMIT_BURST, NFTA_LIMIT_TYPE, NFTA_LIMIT_FLAGS } */
export const limit = (attributes: Attributes): Operation =>
  budget("the limit is not used up", "the limit is used up", (be32Or0(attributes.get(5)) & INVERTED) !== 0);

/** enum nft_connlimit_attributes { …, NFTA_CONNLIMIT_COUNT, NFTA_CONNLIMIT_FLAGS } */
export function connlimit(attributes: Attributes): Operation {
  const count = be32Or0(attributes.get(1));
  return budget(
    `there are no more than ${count} connections`,
    `there are more than ${count} connections`,
    (be32Or0(attributes.get(2)) & INVERTED) !== 0,
  );
}

/** enum nft_quota_attributes { …, NFTA_QUOTA_BYTES, NFTA_QUOTA_FLAGS, NFTA_QUOTA_PAD, NFTA_QUOTA_CONSUMED } */
export function quota(attributes: Attributes): Operation {
  const [bytes, consumed] = [readBe64(attributes.get(1)) ?? 0n, readBe64(attributes.get(4)) ?? 0n];
  const inverted = (be32Or0(attributes.get(2)) & INVERTED) !== 0;
  return ({ packet }) => {
    const over = consumed + BigInt(packet.bytes.length - packet.network) > bytes;
    return over === inverted ? "continue" : "break";
  };
}

/** enum nft_ng_attributes { …, NFTA_NG_DREG, NFTA_NG_MODULUS, NFTA_NG_TYPE, NFTA_NG_OFFSET } */
export function numgen(attributes: Attributes): Operation {
  const what = be32Or0(attributes.get(3)) === 0 ? "the next number" : "the random number";
  return drawn(attributes.get(1), be32Or0(attributes.get(2)), be32Or0(attributes.get(4)), what);
}

/**
 * enum nft_hash_attributes { …, NFTA_HASH_SREG, NFTA_HASH_DREG, NFTA_HASH_LEN, NFTA_HASH_MODULUS, NFTA_HASH_SEED,
 * NFTA_HASH_OFFSET, NFTA_HASH_TYPE }. The seed is the kernel's secret, as a rule.
 */
export function hash(attributes: Attributes): Operation {
  return drawn(attributes.get(2), be32Or0(attributes.get(4)), be32Or0(attributes.get(6)), "the hash");
}

/** Each number that it can be, where they are few. */
function drawn(register: Uint8Array | undefined, modulus: number, offset: number, what: string): Operation {
  const to = registerAt(register);
  if (modulus === 0 || modulus > MOST_NUMBERS) {
    return (machine) => {
      machine.storeUnknown(to, 4, what);
      return "continue";
    };
  }
  const ways = Array.from({ length: modulus }, (_, index): Way => {
    const number = offset + index;
    return {
      assuming: `${what} is ${number}`,
      go: (machine) => {
        machine.store32(to, number);
        return "continue";
      },
    };
  });
  return () => ({ ways });
}
