/**
 * What nft(8) reads as the name of a table or a chain: `string` of its scanner. The kernel takes any text for one, and nft
 * would read another's name as commands: `x; flush ruleset`.
 */
export const isNftName = (name: string): boolean => /^[A-Za-z_.][\w./-]*$/.test(name);
