#!/usr/bin/env -S bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null
/** The `usagedb` program. What runs at every step or start begins with a few modules; all else with the whole. */
const argv = process.argv.slice(2);
const [command, ...rest] = argv;

if (command === "statusline") {
  const { startStatusLine } = await import("./statusline-start.ts");
  process.exitCode = await startStatusLine(rest, process.env);
} else if (command === "hook") {
  const { startHook } = await import("./hook-start.ts");
  process.exitCode = await startHook(rest, process.env);
} else if (command === "migrate") {
  const { startMigrate } = await import("./migrate-start.ts");
  const program = "usagedb migrate";
  process.exitCode = await startMigrate({ argv: rest, env: process.env, program });
} else {
  const { GUEST_FLAG } = await import("./guest-flag.ts");
  if (command === GUEST_FLAG) await (await import("./guest-process.ts")).beGuest();
  else process.exitCode = await (await import("./main.ts")).main({ argv, env: process.env });
}
