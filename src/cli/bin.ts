#!/usr/bin/env -S bun --no-env-file --config=/dev/null
/** The `usagedb` program. */
import { main } from "./main.ts";

process.exitCode = await main({ argv: process.argv.slice(2), env: process.env });
