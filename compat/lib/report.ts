import { table } from "../../bench/lib/table.ts";
import type { Report } from "./examine.ts";

const MOST = 160;

/** As a table, and what needs a look below it. */
export function formatReport(report: Report, { verbose }: { readonly verbose: boolean }): string {
  const sum = (of: (line: Report["scenarios"][number]) => number) =>
    String(report.scenarios.reduce((all, line) => all + of(line), 0));
  const rows = [
    ["scenario", "calls", "alike", "explained", "unexplained"],
    ...report.scenarios.map((line) => [
      line.name,
      ...[line.calls, line.same, line.explained, line.unexplained].map(String),
    ]),
    [
      "all",
      sum((each) => each.calls),
      sum((each) => each.same),
      sum((each) => each.explained),
      sum((each) => each.unexplained),
    ],
  ];
  const shown = (value: unknown) => {
    const text = value === undefined ? "–" : JSON.stringify(value);
    return verbose || text.length <= MOST ? text : `${text.slice(0, MOST)}…`;
  };
  return [
    table(rows),
    ...report.unexplained.map(
      ({ scenario, request, at, theirs, ours }) =>
        `\n${scenario}: ${request}\n  ${at}\n    dockerd    ${shown(theirs)}\n    drawbridge ${shown(ours)}`,
    ),
    ...report.needless.map(({ call, at }) => `\nno longer needed: ${call} ${at.join(", ")}`),
  ].join("\n");
}
