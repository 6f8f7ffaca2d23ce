/** docs/troubleshooting.md, written from the table of set-ups. Pure. */
import { SECTIONS, type Section, type Setup } from "./setups.ts";
import { HEALTHY } from "./setups-healthy.ts";

const INTRODUCTION = `# Troubleshooting

What people say of a container network that does not work, what to ask, what is answered, and what mends it. Each of these set-ups is made for real by \`test/e2e/setups.test.ts\`: broken, told, mended by what is shown here, and looked at once more. In answers, \`…\` stands for what differs from machine to machine. The page works as well for a host run by Docker or Podman: [doctor](doctor.md) and [trace](trace.md) need no engine.

Where nothing here is yours: \`drawbridge doctor\`, then \`drawbridge doctor CONTAINER\`, then \`drawbridge trace FROM TO:PORT\`.

In commands, \`$web\` is the pid of container \`web\` (\`docker inspect -f '{{.State.Pid}}' web\`), \`$veth_web\` the host's end of its pair (\`drawbridge map\` shows it), and \`elsewhere …\` runs on another machine.
`;

const page = (): string =>
  `${[INTRODUCTION, contents(), ...SECTIONS.map(sectionText), healthyText()].join("\n")}`;

export { page as troubleshootingPage };

/** As GitHub makes anchors of headings. */
const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const contents = (): string =>
  SECTIONS.map(({ title, setups }) =>
    [
      `- [${title}](#${anchor(title)})`,
      ...setups.map((one) => `  - [${one.title}](#${anchor(one.title)})`),
    ].join("\n"),
  )
    .concat(`- [What looks odd and is right](#${anchor("What looks odd and is right")})\n`)
    .join("\n");

const sectionText = ({ title, about, setups }: Section): string =>
  [`## ${title}\n`, `${about}\n`, ...setups.map(setupText)].join("\n");

function setupText({ title, broken, symptom, ask, says, fix, mend }: Setup): string {
  const console = [
    `$ ${symptom}   # fails`,
    `$ ${ask}`,
    ...says.map((one) => one.replace(/^([a-z0-9-]+): /, ask.includes(" doctor") ? "[$1] " : "$1: ")),
  ];
  return [
    `### ${title}\n`,
    "```console",
    ...console,
    "```\n",
    ...mended(fix, mend),
    `Made by: ${code(broken)}\n`,
  ].join("\n");
}

function mended(fix: string | undefined, mend: string | undefined): readonly string[] {
  if (fix !== undefined && mend === undefined) return [`Mended by ${code(fix)}, as printed.\n`];
  if (fix !== undefined) return [`Printed to mend it: ${code(fix)}\n`];
  return mend === undefined ? [] : [`Mended by ${code(mend)}\n`];
}

/** Of several lines, a block. */
const code = (text: string): string =>
  text.includes("\n")
    ? `\n\n\`\`\`sh\n${text}\n\`\`\``
    : text === ":"
      ? "nothing: it is so by wish"
      : `\`${text}\``;

const healthyText = (): string =>
  [
    "## What looks odd and is right\n",
    "The doctor says nothing of these, and a trace predicts what happens: `test/e2e/setups-healthy.test.ts`.\n",
    ...HEALTHY.map(({ title }) => `- ${title}`),
    "",
  ].join("\n");
