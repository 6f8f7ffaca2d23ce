/** What `isolated` runs in the place of a test file that needs root. */
import { test } from "node:test";
import { NEEDS_ROOT } from "./root.ts";

test("the whole file", { skip: NEEDS_ROOT });
