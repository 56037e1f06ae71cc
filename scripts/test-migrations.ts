#!/usr/bin/env -S bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null
/** `bun scripts/test-migrations.ts …` is `usagedb migrate test …`. */
import { main } from "../src/cli/main.ts";

process.exitCode = await main({
  argv: process.argv.slice(2),
  env: process.env,
  program: "bun scripts/test-migrations.ts",
  start: ["migrate", "test"],
});
