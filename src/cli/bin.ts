#!/usr/bin/env -S bun --no-env-file --config=/dev/null
/** The `usagedb` program. */
import { GUEST_FLAG } from "./guest-flag.ts";
import { main } from "./main.ts";

const argv = process.argv.slice(2);
if (argv[0] === GUEST_FLAG) await (await import("./guest-process.ts")).beGuest();
else process.exitCode = await main({ argv, env: process.env });
