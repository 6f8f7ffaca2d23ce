import { readLabels } from "./environment.ts";
import { pairs } from "./pairs.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly driver: string;
  readonly label: readonly string[];
  readonly opt: readonly string[];
}

export default verb<Options>({
  usage: "[OPTIONS] [VOLUME]",
  about: "Create a volume",
  flags: [
    flag("-d, --driver", "string", 'Specify volume driver name (default "local")').default("local"),
    flag("--label", "list", "Set metadata for a volume"),
    flag("-o, --opt", "map", "Set driver specific options"),
  ],
  least: 0,
  most: 1,
  async run(context, [name = ""], { driver, label, opt }) {
    const body = { Name: name, Driver: driver, DriverOpts: pairs(opt), Labels: readLabels(label, []) };
    const made = await context.client.post<{ Name: string }>("/volumes/create", {}, body);
    context.out(`${made.Name}\n`);
  },
});
