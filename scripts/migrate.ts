#!/usr/bin/env -S bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null
/** `bun scripts/migrate.ts …` is `usagedb migrate …`. */
import { startMigrate } from "../src/cli/migrate-start.ts";

process.exitCode = await startMigrate({
  argv: process.argv.slice(2),
  env: process.env,
  program: "bun scripts/migrate.ts",
});
