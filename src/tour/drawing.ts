/** The picture so far: boxes of namespaces, with the names and numbers that the kernel gives, and cables between them. */

/** A box around lines, all as wide as the widest; `title` stands in its upper edge. */
export function box(title: string, lines: readonly string[]): string[] {
  const width = Math.max(title.length + 2, ...lines.map((line) => line.length));
  return [
    `┌─ ${title} ${"─".repeat(width - title.length - 1)}┐`,
    ...lines.map((line) => `│ ${line.padEnd(width)} │`),
    `└${"─".repeat(width + 2)}┘`,
  ];
}

/** Blocks side by side, joined on the given row by a cable, by spaces elsewhere. No line ends with spaces. */
export function beside(blocks: readonly (readonly string[])[], cableRow: number, cable: string): string {
  const height = Math.max(...blocks.map((block) => block.length));
  return Array.from({ length: height }, (_, row) =>
    blocks
      .map((block) => block[row] ?? " ".repeat(block[0]?.length ?? 0))
      .join(row === cableRow ? cable : " ".repeat(cable.length))
      .trimEnd(),
  ).join("\n");
}

/** What is known of an end; what is not yet known is not drawn. */
const known = (lines: readonly (string | undefined)[]): string[] =>
  lines.filter((line) => line !== undefined);

/** One of two ends of a pair, as facts have it: `eth0@if5`, its index, its address. */
export interface EndFacts {
  readonly title: string;
  readonly name: string;
  readonly index?: string | undefined;
  readonly peer?: string | undefined;
  readonly address?: string | undefined;
}

export const endBox = ({ title, name, index, peer, address }: EndFacts): string[] =>
  box(
    title,
    known([
      peer === undefined ? name : `${name}@if${peer}`,
      index === undefined ? undefined : `index ${index}`,
      address,
    ]),
  );

/** Two sandboxes and the host's bridge between them, each veth pair a cable. */
export function drawBridge(
  left: EndFacts,
  bridge: { readonly name: string; readonly address?: string | undefined },
  ports: readonly [string | undefined, string | undefined],
  right: EndFacts,
): string {
  const [leftPort = "veth…", rightPort = "veth…"] = ports;
  const middle = `───── ${bridge.name} ─────`;
  const width = leftPort.length + middle.length + rightPort.length + 2;
  const host = box("host", [
    `${leftPort} ${middle} ${rightPort}`,
    ...known([bridge.address]).map((text) => `${" ".repeat(Math.floor((width - text.length) / 2))}${text}`),
  ]);
  return beside([endBox(left), host, endBox(right)], 1, "══veth══");
}
