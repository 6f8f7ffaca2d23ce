/** The way from one container to another, drawn with the names and numbers that the kernel gives. */

/** What the drawing shows of one container. */
export interface End {
  readonly container: string;
  readonly interfaceName: string;
  readonly ifindex: number;
  readonly address: string;
  readonly mac: string;
  readonly hostInterface: string;
  readonly hostIfindex: number;
}

export interface Bridge {
  readonly name: string;
  readonly ifindex: number;
  readonly address: string;
}

/** A box around lines, all as wide as the widest; `title` stands in its upper edge. */
function box(title: string, lines: readonly string[]): string[] {
  const width = Math.max(title.length + 2, ...lines.map((line) => line.length));
  return [
    `┌─ ${title} ${"─".repeat(width - title.length - 1)}┐`,
    ...lines.map((line) => `│ ${line.padEnd(width)} │`),
    `└${"─".repeat(width + 2)}┘`,
  ];
}

/** Blocks side by side, joined on the given row by a cable, by spaces elsewhere. */
function beside(blocks: readonly (readonly string[])[], cableRow: number, cable: string): string[] {
  const height = Math.max(...blocks.map((block) => block.length));
  return Array.from({ length: height }, (_, row) =>
    blocks
      .map((block) => block[row] ?? " ".repeat(block[0]?.length ?? 0))
      .join(row === cableRow ? cable : " ".repeat(cable.length)),
  );
}

/** Three boxes: two sandboxes with the host between them, each veth pair a cable. Every line ends without spaces. */
export function drawPath(left: End, bridge: Bridge, right: End): string {
  const sandbox = (end: End) =>
    box(end.container, [
      `${end.interfaceName}@if${end.hostIfindex}`,
      `index ${end.ifindex}`,
      end.address,
      end.mac,
    ]);
  const ports = [left, right].map((end) => `${end.hostInterface}@if${end.ifindex}`);
  const [leftPort = "", rightPort = ""] = ports;
  const middle = `───── ${bridge.name} ─────`;
  const under = (text: string) =>
    " ".repeat(leftPort.length + 1 + Math.max(0, Math.floor((middle.length - text.length) / 2))) + text;
  const indexes = `${`index ${left.hostIfindex}`.padEnd(leftPort.length + middle.length + 2)}index ${right.hostIfindex}`;
  const host = box("host", [
    `${leftPort} ${middle} ${rightPort}`,
    indexes,
    under(`index ${bridge.ifindex}`),
    under(bridge.address),
  ]);
  return beside([sandbox(left), host, sandbox(right)], 1, "══veth══")
    .map((line) => line.trimEnd())
    .join("\n");
}
