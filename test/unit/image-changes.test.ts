// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of a Dockerfile look like that
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyChanges } from "../../src/image/describe/changes.ts";
import { duration, expand, words } from "../../src/image/describe/dockerfile-words.ts";

const change = (...changes: string[]) => applyChanges({}, changes);

test("CMD and ENTRYPOINT, as JSON and for the shell", () => {
  assert.deepEqual(change('CMD ["sh", "-c", "a b"]'), { Cmd: ["sh", "-c", "a b"] });
  assert.deepEqual(change("cmd echo $HOME"), { Cmd: ["/bin/sh", "-c", "echo $HOME"] });
  assert.deepEqual(change("CMD ['sh']"), { Cmd: ["/bin/sh", "-c", "['sh']"] });
  assert.deepEqual(change('ENTRYPOINT ["/init"]'), { Entrypoint: ["/init"], Cmd: null });
  assert.deepEqual(change("CMD x", 'ENTRYPOINT ["/init"]'), {
    Cmd: ["/bin/sh", "-c", "x"],
    Entrypoint: ["/init"],
  });
  assert.deepEqual(applyChanges({ Cmd: ["sh"] }, ["ENTRYPOINT []"]), { Cmd: null, Entrypoint: null });
});

test("ENV: several, quoted, the old form, replaced, with variables", () => {
  assert.deepEqual(change("ENV a=1 b='x y' c=\"$a-${b}\" d=p\\ q").Env, ["a=1", "b=x y", "c=-", "d=p q"]);
  assert.deepEqual(change("ENV a=1", "ENV b=$a c='$a' d=${z:-none} e=${a:+yes}").Env, [
    "a=1",
    "b=1",
    "c=$a",
    "d=none",
    "e=yes",
  ]);
  assert.deepEqual(change("ENV name some long value").Env, ["name=some long value"]);
  assert.deepEqual(applyChanges({ Env: ["PATH=/bin", "a=1"] }, ["ENV PATH=/x:$PATH"]).Env, [
    "PATH=/x:/bin",
    "a=1",
  ]);
});

test("LABEL, EXPOSE, VOLUME, USER, WORKDIR, STOPSIGNAL, ONBUILD", () => {
  assert.deepEqual(change('LABEL a=1 "b c"="d e"').Labels, { a: "1", "b c": "d e" });
  assert.deepEqual(change("EXPOSE 80 53/udp 8000-8002/tcp").ExposedPorts, {
    "80/tcp": {},
    "53/udp": {},
    "8000/tcp": {},
    "8001/tcp": {},
    "8002/tcp": {},
  });
  assert.deepEqual(change('VOLUME ["/a", "/b c"]', "VOLUME /d /e").Volumes, {
    "/a": {},
    "/b c": {},
    "/d": {},
    "/e": {},
  });
  assert.equal(change("USER 1000:1000").User, "1000:1000");
  assert.equal(change("WORKDIR /a/b", "WORKDIR ../c").WorkingDir, "/a/c");
  assert.equal(change("STOPSIGNAL SIGRTMIN+3").StopSignal, "SIGRTMIN+3");
  assert.equal(change("STOPSIGNAL 9").StopSignal, "9");
  assert.deepEqual(change("ONBUILD RUN make").OnBuild, ["RUN make"]);
});

test("HEALTHCHECK", () => {
  assert.deepEqual(change("HEALTHCHECK NONE").Healthcheck, { Test: ["NONE"] });
  assert.deepEqual(
    change("HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD wget -q x").Healthcheck,
    {
      Test: ["CMD-SHELL", "wget -q x"],
      Interval: 90e9,
      Timeout: 5e8,
      Retries: 3,
    },
  );
  assert.deepEqual(change('HEALTHCHECK CMD ["true"]').Healthcheck, { Test: ["CMD", "true"] });
});

test("lines: comments, continuations, several in one change", () => {
  assert.deepEqual(change("# nothing\nENV a=1 \\\n  b=2\n\nUSER x"), { Env: ["a=1", "b=2"], User: "x" });
  assert.deepEqual(change(), {});
});

test("what a change can't be is refused, and nothing is changed", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ["RUN make", /^RUN is not a valid change command$/],
    ["FROM x", /^FROM is not a valid change command$/],
    ["ENV", /^ENV requires at least one argument$/],
    ["ENV a", /^ENV must have two arguments$/],
    ["ENV a=1 b", /can't find = in "b"/],
    ["ENV =1", /^ENV names can not be blank$/],
    ["ENV a='1", /matching '/],
    ["ENV a=${b", /missing '}'/],
    ["ENV a=${b:?needed}", /^b: needed$/],
    ["USER", /^USER requires exactly one argument$/],
    ["EXPOSE 0", /^invalid containerPort: 0$/],
    ["EXPOSE 80/icmp", /^invalid proto: icmp$/],
    ["EXPOSE 90-80", /^invalid containerPort/],
    ["STOPSIGNAL SIGNOPE", /^invalid signal: SIGNOPE$/],
    ["CMD [1]", /arrays must be comprised of strings only$/],
    ['VOLUME [""]', /^VOLUME specified can not be an empty string$/],
    ["HEALTHCHECK RUN x", /^Unknown type "RUN" in HEALTHCHECK/],
    ["HEALTHCHECK CMD", /^Missing command/],
    ["HEALTHCHECK NONE x", /takes no arguments$/],
    ["HEALTHCHECK --interval=1us CMD x", /cannot be less than 1ms$/],
    ["HEALTHCHECK --every=1s CMD x", /^unknown flag: --every$/],
    ["ONBUILD FROM x", /^FROM isn't allowed/],
    ["ONBUILD ONBUILD RUN x", /^Chaining ONBUILD/],
  ];
  for (const [line, message] of refused) {
    assert.throws(() => change(line), { kind: "invalid", message }, line);
  }
});

test("words and durations", () => {
  assert.deepEqual(words(` a "b c" d\\ e 'f "g'  `), ["a", '"b c"', "d\\ e", `'f "g'`]);
  assert.equal(
    expand(`"a\\$b" '\\x' \\y "\\z"`, () => "no"),
    `a$b \\x y \\z`,
  );
  assert.equal(duration("1.5h"), 5400e9);
  assert.throws(() => duration("1"), { message: /invalid duration/ });
});
