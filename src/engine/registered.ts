/** Migrations registered in code. */
import { describeKind, InputError } from "../errors.ts";
import type { BatchedWork } from "../migration/batched.ts";
import { refuseDuplicate } from "../migration/assemble.ts";
import type {
  Migration,
  MigrationBody,
  MigrationDatabase,
  RegisteredMigration,
} from "../migration/migration.ts";
import { checkDependencies, dependenciesIn } from "../migration/dependencies.ts";
import { parseSqlHalf } from "../migration/sections.ts";
import { formatVersion } from "../migration/version.ts";
import { checksumSql, dependenciesOf, moduleBody, parseDownHalf } from "./read-migration.ts";
import { sha256, type MigrationSource } from "./source.ts";

/**
 * A source over migrations registered in code, as seed document 004 shows.
 * @throws {InputError} VALUE_INVALID for a malformed entry, OPTION_UNKNOWN for a key that it may not have.
 * @throws {MigrationError} MIGRATION_VERSION_DUPLICATE, MIGRATION_ASYNC, or what reading SQL throws.
 */
export function registeredSource(
  registered: readonly RegisteredMigration[],
  location = "registered migrations",
): MigrationSource {
  const migrations = registered.map(readRegistered).sort((a, b) => a.version - b.version);
  for (let i = 1; i < migrations.length; i++) {
    const [before, after] = [migrations[i - 1] as Migration, migrations[i] as Migration];
    if (before.version === after.version) refuseDuplicate(after.version, before.file, after.file);
  }
  checkDependencies(migrations);
  const stamp = `list:${sha256(JSON.stringify(migrations.map((m) => [m.version, m.name, m.checksum, m.down?.kind === "sql" ? m.down.sql : null])))}`;
  return {
    location,
    versions: () => migrations.map(({ version }) => version),
    stamp: () => ({ value: stamp, isSettled: true }),
    load: () => migrations,
  };
}

const KEYS: readonly string[] = ["version", "name", "up", "down", "dependsOn"];

/** @throws {InputError} VALUE_INVALID or OPTION_UNKNOWN: a misspelt `down` would be a missing one. */
function readRegistered(entry: RegisteredMigration): Migration {
  if (typeof entry !== "object" || entry === null) {
    throw new InputError(
      "VALUE_INVALID",
      `Cannot register a migration: it is ${describeKind(entry)}, expected { version, name, up, down }`,
      { details: { field: "migration", observed: describeKind(entry) } },
    );
  }
  const { version, name } = entry;
  const unknown = Object.keys(entry).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    throw new InputError(
      "OPTION_UNKNOWN",
      `Cannot register migration ${String(name)}: it has the key ${unknown}, expected only ${KEYS.join(", ")}`,
      { details: { option: unknown, expected: KEYS } },
    );
  }
  if (!Number.isSafeInteger(version) || version < 1 || String(version).length > 15) {
    throw new InputError(
      "VALUE_INVALID",
      `Cannot register migration ${String(name)}: its version is ${String(version)}, expected an integer from 1 with at most 15 digits`,
      { details: { field: "version", observed: String(version) } },
    );
  }
  if (typeof name !== "string" || name === "") {
    throw new InputError(
      "VALUE_INVALID",
      `Cannot register migration ${version}: its name is empty, expected a name`,
      {
        details: { field: "name" },
      },
    );
  }
  const file = `${formatVersion(version)}_${name}`;
  const up = bodyOf(entry.up, file, "up");
  const dependsOn = [
    ...(dependenciesOf(entry.dependsOn, file).dependsOn ?? []),
    ...(up.kind === "sql" ? (dependenciesIn(up).dependsOn ?? []) : []),
  ];
  return {
    version,
    name,
    file,
    up,
    down: entry.down === undefined || entry.down === null ? null : bodyOf(entry.down, file, "down"),
    checksum: up.kind === "sql" ? checksumSql(up.sql) : null,
    description: "",
    ...(dependsOn.length === 0 ? {} : { dependsOn }),
  };
}

function bodyOf(
  body: string | ((db: MigrationDatabase) => void) | BatchedWork,
  file: string,
  direction: "up" | "down",
): MigrationBody {
  if (typeof body === "string") {
    const origin = `${file} (${direction})`;
    return direction === "up"
      ? parseSqlHalf(origin, body).body
      : parseDownHalf({ file: origin, text: body });
  }
  return moduleBody(body, { file, direction, checksum: null });
}
