/** What a `migrate` command works on: a database file, and the product's migrations or a directory's. */
import { existsSync } from "node:fs";
import type { MigrationSource } from "../engine/source.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { IN_MEMORY, openConnection } from "../engine/sqlite/open.ts";
import { InputError } from "../errors.ts";
import type { MigrationEvent, Migrator, MigratorOptions } from "../engine/migrator.ts";
import { parseVersion, type Version } from "../migration/version.ts";
import type { ArgValues, CommandContext } from "./command.ts";
import { lockTimeoutMs } from "./lock-flag.ts";
import { migrationSource } from "./migration-source.ts";
import { databasePath } from "./paths.ts";

export interface MigrationTarget extends Disposable {
  readonly connection: Connection;
  readonly source: MigrationSource;
  /** Loaded when first asked for: an up-to-date database never needs it. */
  migrator(
    onEvent?: (event: MigrationEvent) => void,
    guard?: MigratorOptions["guard"],
  ): Promise<Migrator>;
}

/**
 * Opens the target; `read` neither creates nor changes anything, and `preview` does as much for a file that
 * does not exist yet: it is taken for an empty one.
 */
export async function openTarget(
  { args, env, now }: CommandContext,
  mode: "create" | "existing" | "read" | "preview",
): Promise<MigrationTarget> {
  const path = databasePath(args["db"], env);
  const isUnborn = mode === "preview" && path !== "" && !existsSync(path);
  const busyTimeoutMs = lockTimeoutMs(args);
  const connection = isUnborn
    ? openConnection(IN_MEMORY)
    : openConnection(path, {
        mode: mode === "preview" ? "read" : mode,
        ...(busyTimeoutMs !== undefined && { busyTimeoutMs }),
      });
  try {
    const source = migrationSource(args);
    const own = args["dir"] === undefined ? await import("../store/schema.ts") : null;
    own?.refuseForeign(connection);
    return {
      connection,
      source,
      migrator: async (onEvent, guard) => {
        if (own === null) {
          const { refuseForeignLedger } =
            await import("../engine/sqlite/foreign-ledgers/detect.ts");
          refuseForeignLedger(connection, source);
        }
        const { createMigrator } = await import("../engine/migrator.ts");
        const { createSqliteDriver } = await import("../engine/sqlite/driver.ts");
        const driver = createSqliteDriver(
          connection,
          own === null ? {} : { applicationId: own.APPLICATION_ID },
        );
        return createMigrator({
          driver,
          source,
          now,
          ...(onEvent === undefined ? {} : { onEvent }),
          ...(guard === undefined ? {} : { guard }),
        });
      },
      [Symbol.dispose]: () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Reads a version argument.
 * @throws {InputError} CLI_USAGE when it is not 1 to 15 digits.
 */
export function versionArg(args: ArgValues, name: string): Version | undefined {
  const text = args[name];
  if (typeof text !== "string") return undefined;
  const version = parseVersion(text);
  if (version !== undefined) return version;
  throw new InputError(
    "CLI_USAGE",
    `Cannot use ${name}: ${JSON.stringify(text)} is not a version, expected 1 to 15 digits`,
    {
      details: { argument: name },
      hint: "Run `migrate status` to see the versions.",
    },
  );
}
