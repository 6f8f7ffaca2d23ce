import { CONTAINER, call, type Scenario, silently } from "../lib/call.ts";

export const volumes: readonly Scenario[] = [
  {
    name: "volumes",
    calls: [
      call("GET /volumes"),
      call("POST /volumes/create", { Name: "one", Labels: { a: "b" } }),
      call("POST /volumes/create", { Name: "one" }),
      call("POST /volumes/create", {
        Name: "two",
        Driver: "local",
        DriverOpts: { type: "tmpfs", device: "tmpfs", o: "size=1m" },
      }),
      call("POST /volumes/create", { Name: "three", DriverOpts: { what: "x" } }),
      call("POST /volumes/create", { Name: "-" }),
      call("POST /volumes/create", { Name: "a/b" }),
      call("POST /volumes/create", { Name: "x" }),
      call("POST /volumes/create", {}, { silent: true, keep: { anonymous: "Name" } }),
      call("POST /volumes/create"),
      call("GET /volumes/{anonymous}"),
      call("GET /volumes/one"),
      call("GET /volumes/two"),
      call("GET /volumes/nothing"),
      call("GET /volumes", undefined, { unordered: true }),
      ...silently(
        call("POST /containers/create?name=user", {
          ...CONTAINER,
          HostConfig: { Binds: ["one:/data", "fresh:/fresh"] },
        }),
      ),
      call("GET /volumes/fresh"),
      call("DELETE /volumes/one"),
      call("DELETE /volumes/one?force=1"),
      call("DELETE /volumes/two"),
      call("DELETE /volumes/two"),
      call("DELETE /volumes/two?force=1"),
      ...[
        { name: ["one"] },
        { name: ["o"] },
        { label: ["a"] },
        { label: ["a=c"] },
        { driver: ["local"] },
        { dangling: ["true"] },
        { dangling: ["false"] },
        { dangling: ["x"] },
        { what: ["x"] },
      ].map((filter) =>
        call(`GET /volumes?filters=${JSON.stringify(filter)}`, undefined, { unordered: true }),
      ),
      call("GET /volumes?filters=x"),
      call('POST /volumes/prune?filters={"what":["x"]}'),
      call('POST /volumes/prune?filters={"label":["a"]}'),
      call("POST /volumes/prune", undefined, { unordered: true }),
      call("DELETE /containers/user?v=1"),
      call("GET /volumes", undefined, { unordered: true }),
    ],
  },
];
