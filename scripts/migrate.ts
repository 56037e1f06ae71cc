#!/usr/bin/env -S bun --no-env-file --config=/dev/null
/** `bun scripts/migrate.ts …` is `usagedb migrate …`. */
import { main } from "../src/cli/main.ts";
// The default command, loaded together with the rest: asking for it later would cost the start a millisecond.
import "../src/cli/commands/migrate/up.ts";

process.exitCode = await main({
  argv: process.argv.slice(2),
  env: process.env,
  program: "bun scripts/migrate.ts",
  start: ["migrate"],
});
