/**
 * A program: a registry with one image, `x:1`, whose second layer stops half-way. It tells where it is on its
 * first line, `stuck` when the layer has stopped; told `go`, it serves all, and says how often it was asked for each.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { FaultRegistry, layerOf, stuck } from "./fault-registry.ts";
import { imageConfig } from "./registry-images.ts";

function tarOf(name: string, contents: Buffer): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-layer-"));
  writeFileSync(join(directory, name), contents);
  const tar = execFileSync("tar", ["-C", directory, "-cf", "-", name]);
  rmSync(directory, { recursive: true });
  return tar;
}

const registry = await FaultRegistry.start();
const small = layerOf(tarOf("small", Buffer.from("small")));
const large = layerOf(tarOf("large", randomBytes(400_000)));
const { architecture } = JSON.parse(imageConfig([]).toString()) as { readonly architecture: string };
registry.image("x:1", [small, large], {
  architecture: process.arch === "x64" ? architecture : process.arch,
  created: "2020-01-01T00:00:00Z",
});
registry.faults.set(
  large.digest,
  stuck(() => console.log("stuck")),
);
console.log(registry.domain);
for await (const line of createInterface(process.stdin)) {
  if (line !== "go") continue;
  registry.faults.clear();
  console.log(`${registry.asksFor(small.digest)} ${registry.asksFor(large.digest)}`);
}
await registry[Symbol.asyncDispose]();
