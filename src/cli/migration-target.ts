/** What a `migrate` command works on: a database file, and the product's migrations or a directory's. */
import { existsSync } from "node:fs";
import type { MigrationSource } from "../engine/source.ts";
import type { Connection } from "../engine/sqlite/connection.ts";
import { IN_MEMORY, openConnection } from "../engine/sqlite/open.ts";
import { InputError } from "../errors.ts";
import type {
  AsyncMigrator,
  MigrationEvent,
  Migrator,
  MigratorOptions,
} from "../engine/migrator.ts";
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
  /** The same for what may take long: it leaves the process free to hear of Ctrl-C. */
  runner(options: RunnerOptions): Promise<AsyncMigrator>;
}

export type RunnerOptions = Pick<MigratorOptions, "onEvent" | "guard" | "signal">;

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
    const optionsWith = async (more: RunnerOptions): Promise<MigratorOptions> => {
      if (own === null) {
        const { refuseForeignLedger } = await import("../engine/sqlite/foreign-ledgers/detect.ts");
        refuseForeignLedger(connection, source);
      }
      const { createSqliteDriver } = await import("../engine/sqlite/driver.ts");
      const driver = createSqliteDriver(
        connection,
        own === null ? {} : { applicationId: own.APPLICATION_ID },
      );
      return { driver, source, now, ...more };
    };
    return {
      connection,
      source,
      migrator: async (onEvent, guard) => {
        const { createMigrator } = await import("../engine/migrator.ts");
        return createMigrator(
          await optionsWith({
            ...(onEvent === undefined ? {} : { onEvent }),
            ...(guard === undefined ? {} : { guard }),
          }),
        );
      },
      runner: async (options) => {
        const { createAsyncMigrator } = await import("../engine/migrator.ts");
        return createAsyncMigrator(await optionsWith(options));
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
