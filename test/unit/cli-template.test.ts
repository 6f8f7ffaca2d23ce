import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileTemplate } from "../../src/cli/template.ts";

const CONTAINER = {
  Id: "4f1e0123456789",
  Name: "/web",
  State: { Status: "running", Running: true, Pid: 12, Health: null },
  Config: { Env: ["A=b", "C=<d>"], Labels: { x: "1", "com.y": "2" }, Volumes: {} },
  NetworkSettings: {
    Ports: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] },
    Networks: { b: { IPAddress: "172.18.0.2" }, a: { IPAddress: "172.17.0.2" } },
  },
};

const run = (source: string, data: unknown = CONTAINER) => compileTemplate(source)(data);

test("templates as people write them", () => {
  // Each compared with docker's own command on the same object.
  const table: readonly (readonly [string, string])[] = [
    ["{{.State.Pid}}", "12"],
    ["{{.NetworkSettings.Networks.a.IPAddress}}", "172.17.0.2"],
    ["{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", "172.17.0.2 172.18.0.2 "],
    [
      "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}};{{end}}",
      "a=172.17.0.2;b=172.18.0.2;",
    ],
    ["{{range $i, $e := .Config.Env}}{{if $i}}, {{end}}{{$e}}{{end}}", "A=b, C=<d>"],
    ["{{range .Config.Volumes}}x{{else}}none{{end}}", "none"],
    ['{{index .Config.Labels "com.y"}}[{{index .Config.Labels "none"}}]', "2[]"],
    ['{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "8080"],
    ["{{json .Config.Env}}", '["A=b","C=<d>"]'],
    ['{{join .Config.Env ","}}', "A=b,C=<d>"],
    ["{{.Config.Env}} {{.Config.Labels}}", "[A=b C=<d>] map[com.y:2 x:1]"],
    ["{{if .State.Running}}up{{else}}down{{end}}", "up"],
    ['{{if eq .State.Status "exited" "running"}}known{{end}}', "known"],
    ['{{if eq .State.Pid 0}}no{{else if ne .Name "/x"}}other{{else}}x{{end}}', "other"],
    ["{{if .State.Health}}h{{end}}{{if .State.Missing}}m{{end}}", ""],
    ["{{with .State}}{{.Pid}}{{$.Name}}{{end}}", "12/web"],
    ["{{println .Name}}", "/web\n"],
    ['{{.Name | printf "%s-%s" "n"}} {{printf "%5s|%-5s|%q" "a" "b" "c"}}', 'n-/web     a|b    |"c"'],
    ["{{slice .Id 0 4}} {{len .Config.Env}} {{upper .Name}} {{.Name | title}}", "4f1e 2 /WEB /Web"],
    [
      '{{and 1 0}} {{or 0 "x"}} {{not true}} {{and .State.Health .State.Health.Status}}',
      "0 x false <no value>",
    ],
    ['{{print 1 2 "a" 3}}', "1 2a3"],
    ["{{$x := .Name}}{{$x}}", "/web"],
    ["a {{- .State.Pid -}} b{{/* nothing */}}", "a12b"],
    ['{{"}}"}}{{`raw"`}}', '}}raw"'],
    ["{{gt .State.Pid 3}} {{le .State.Pid 3}}", "true false"],
    ['{{split "a,b" ","}}{{truncate "abc" 2}}{{pad "x" 1 2}}', "[a b]ab x  "],
  ];
  for (const [source, text] of table) assert.equal(run(source), text, source);
});

test("a field that is a function is called with the words after it", () => {
  const row = { Label: (key: unknown) => `<${key}>` };
  assert.equal(run('{{.Label "a"}}{{"b" | .Label}}', row), "<a><b>");
});

test("what can't be read or run is told in Go's words", () => {
  const table = [
    ["{{.Nope}}", 'template: :1: executing "" at <.Nope>: map has no entry for key "Nope"'],
    ["{{.State.Nope.X}}", 'template: :1: executing "" at <.State.Nope.X>: map has no entry for key "Nope"'],
    [
      "{{.State.Health.Status}}",
      'template: :1: executing "" at <.State.Health.Status>: nil pointer evaluating interface {}.Status',
    ],
    ["{{.Name", "template: :1: unclosed action"],
    ["{{if .Name}}", "template: :1: unexpected EOF"],
    ["{{end}}", "template: :1: unexpected {{end}}"],
    ["{{}}", "template: :1: missing value for command"],
    ["{{foo .Name}}", 'template: :1: function "foo" not defined'],
    ["{{$x}}", 'template: :1: undefined variable "$x"'],
    ["{{json}}", 'template: :1: executing "" at <json>: wrong number of args for json: want 1 got 0'],
    ["{{index .Config.Env 7}}", "error calling index: index out of range: 7"],
  ] as const;
  for (const [source, message] of table)
    assert.throws(() => run(source), { name: "TemplateError", message }, source);
});

test("text without actions is itself, and a value as JSON is read back the same", () => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue({ maxDepth: 2 }), (text, value) => {
      const plain = text.replaceAll("{{", "");
      assert.equal(run(plain), plain);
      assert.deepEqual(JSON.parse(run("{{json .}}", value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("any text is either a template or a TemplateError", () => {
  const piece = fc.constantFrom(
    "{{",
    "}}",
    "-",
    " ",
    ".",
    "$x",
    ":=",
    "if",
    "range",
    "end",
    "else",
    "(",
    ")",
    "|",
    '"',
    "1",
    ".A",
    "json",
    ",",
  );
  fc.assert(
    fc.property(
      fc.array(piece).map((parts) => parts.join("")),
      (source) => {
        try {
          run(source, { A: ["1", { A: 2 }] });
        } catch (thrown) {
          assert.equal(thrown instanceof Error && thrown.name, "TemplateError", `${source}: ${thrown}`);
        }
      },
    ),
  );
});
