/** Databases as ten other tools leave them: their ledgers' own DDL, and the same three migrations each. */
import type { Connection } from "../../src/engine/sqlite/connection.ts";
import type { ForeignTool } from "../../src/engine/sqlite/foreign-ledgers/foreign-ledger.ts";
import { openConnection } from "../../src/engine/sqlite/open.ts";
import { quoteIdentifier } from "../../src/engine/sqlite/quote.ts";

export const USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
export const NOTES =
  "CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users)";
const TAGS = "CREATE TABLE tags (id INTEGER PRIMARY KEY)";

/** 2024-01-01 and 2024-01-02, noon in UTC. */
const FIRST = 20_240_101_120_000;
const SECOND = 20_240_102_120_000;
const THIRD = 20_240_103_120_000;
const FIRST_WHEN = Date.UTC(2024, 0, 1, 12);
const SECOND_WHEN = Date.UTC(2024, 0, 2, 12);
/** When the tool applied both. */
export const APPLIED_AT = Date.UTC(2024, 1, 3, 4, 5, 6);
const APPLIED_TEXT = "2024-02-03 04:05:06";

export interface ForeignDatabase {
  /** The directory: two migrations that are applied and one that is not. */
  readonly files: Readonly<Record<string, string>>;
  readonly versions: readonly [number, number, number];
  readonly table: string;
  /** The ledger with both entries. */
  readonly ledger: readonly string[];
  /** Null when the tool does not keep it. */
  readonly appliedAt: number | null;
}

const sha = (algorithm: "sha256" | "sha384", text: string): string =>
  Bun.CryptoHasher.hash(algorithm, text, "hex");

const up = (sql: string): string => `${sql};\n`;
const migrate = (sql: string, table: string): string =>
  `-- migrate:up\n${sql};\n\n-- migrate:down\nDROP TABLE ${table};\n`;
const goose = (sql: string, table: string): string =>
  `-- +goose Up\n${sql};\n\n-- +goose Down\nDROP TABLE ${table};\n`;

const PLAIN = {
  [`${FIRST}_create_users.sql`]: up(USERS),
  [`${SECOND}_create_notes.sql`]: up(NOTES),
  [`${THIRD}_create_tags.sql`]: up(TAGS),
};
const VERSIONS = [FIRST, SECOND, THIRD] as const;
const JOURNAL = JSON.stringify({
  version: "7",
  dialect: "sqlite",
  entries: [FIRST_WHEN, SECOND_WHEN, SECOND_WHEN + 86_400_000].map((when, idx) => ({
    idx,
    version: "6",
    when,
    tag: ["0000_users", "0001_notes", "0002_tags"][idx],
    breakpoints: true,
  })),
});

export const FOREIGN_DATABASES: Readonly<Record<ForeignTool, ForeignDatabase>> = {
  dbmate: {
    files: {
      [`${FIRST}_create_users.sql`]: migrate(USERS, "users"),
      [`${SECOND}_create_notes.sql`]: migrate(NOTES, "notes"),
      [`${THIRD}_create_tags.sql`]: migrate(TAGS, "tags"),
    },
    versions: VERSIONS,
    table: "schema_migrations",
    ledger: [
      'CREATE TABLE "schema_migrations" (version varchar(128) primary key)',
      `INSERT INTO schema_migrations VALUES ('${FIRST}'), ('${SECOND}')`,
    ],
    appliedAt: null,
  },
  rails: {
    files: PLAIN,
    versions: VERSIONS,
    table: "schema_migrations",
    ledger: [
      'CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY)',
      'CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, "created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL)',
      `INSERT INTO schema_migrations VALUES ('${SECOND}'), ('${FIRST}')`,
    ],
    appliedAt: null,
  },
  goose: {
    files: {
      "00001_create_users.sql": goose(USERS, "users"),
      "00002_create_notes.sql": goose(NOTES, "notes"),
      "00003_create_tags.sql": goose(TAGS, "tags"),
    },
    versions: [1, 2, 3],
    table: "goose_db_version",
    ledger: [
      "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))",
      `INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (0, 1, '${APPLIED_TEXT}'), (1, 1, '${APPLIED_TEXT}'), (2, 1, '${APPLIED_TEXT}')`,
    ],
    appliedAt: APPLIED_AT,
  },
  "golang-migrate": {
    files: {
      "000001_create_users.up.sql": up(USERS),
      "000001_create_users.down.sql": "DROP TABLE users;",
      "000002_create_notes.up.sql": up(NOTES),
      "000003_create_tags.up.sql": up(TAGS),
    },
    versions: [1, 2, 3],
    table: "schema_migrations",
    ledger: [
      "CREATE TABLE schema_migrations (version uint64, dirty bool)",
      "CREATE UNIQUE INDEX version_unique ON schema_migrations (version)",
      "INSERT INTO schema_migrations VALUES (2, 0)",
    ],
    appliedAt: null,
  },
  sqlx: {
    files: PLAIN,
    versions: VERSIONS,
    table: "_sqlx_migrations",
    ledger: [
      "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)",
      `INSERT INTO _sqlx_migrations VALUES (${FIRST}, 'create users', '${APPLIED_TEXT}', 1, x'${sha("sha384", up(USERS))}', 1500000)`,
      `INSERT INTO _sqlx_migrations VALUES (${SECOND}, 'create notes', '${APPLIED_TEXT}', 1, x'${sha("sha384", up(NOTES))}', -1)`,
    ],
    appliedAt: APPLIED_AT,
  },
  drizzle: {
    files: {
      "0000_users.sql": up(USERS),
      "0001_notes.sql": up(NOTES),
      "0002_tags.sql": up(TAGS),
      "meta/_journal.json": JOURNAL,
    },
    versions: VERSIONS,
    table: "__drizzle_migrations",
    ledger: [
      "CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)",
      `INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('${sha("sha256", up(USERS))}', ${FIRST_WHEN}), ('${sha("sha256", up(NOTES))}', ${SECOND_WHEN})`,
    ],
    // created_at is when the migration was written.
    appliedAt: null,
  },
  kysely: {
    files: PLAIN,
    versions: VERSIONS,
    table: "kysely_migration",
    ledger: [
      'CREATE TABLE "kysely_migration" ("name" varchar(255) not null primary key, "timestamp" varchar(255) not null)',
      'CREATE TABLE "kysely_migration_lock" ("id" varchar(255) not null primary key, "is_locked" integer default 0 not null)',
      "INSERT INTO kysely_migration_lock VALUES ('migration_lock', 0)",
      "INSERT INTO kysely_migration VALUES ('2024-01-01T12-00-00_create_users', '2024-02-03T04:05:06.000Z'), ('2024-01-02T12-00-00_create_notes', '2024-02-03T04:05:06.000Z')",
    ],
    appliedAt: APPLIED_AT,
  },
  knex: {
    files: PLAIN,
    versions: VERSIONS,
    table: "knex_migrations",
    ledger: [
      "CREATE TABLE `knex_migrations` (`id` integer not null primary key autoincrement, `name` varchar(255), `batch` integer, `migration_time` datetime)",
      "CREATE TABLE `knex_migrations_lock` (`index` integer not null primary key autoincrement, `is_locked` integer)",
      "INSERT INTO knex_migrations_lock (is_locked) VALUES (0)",
      `INSERT INTO knex_migrations (name, batch, migration_time) VALUES ('${FIRST}_create_users.js', 1, ${APPLIED_AT}), ('${SECOND}_create_notes.ts', 1, ${APPLIED_AT})`,
    ],
    appliedAt: APPLIED_AT,
  },
  umzug: {
    files: PLAIN,
    versions: VERSIONS,
    table: "SequelizeMeta",
    ledger: [
      "CREATE TABLE `SequelizeMeta` (`name` VARCHAR(255) NOT NULL UNIQUE PRIMARY KEY)",
      `INSERT INTO SequelizeMeta VALUES ('${FIRST}_create_users.js'), ('2024.01.02T12.00.00.create_notes.ts')`,
    ],
    appliedAt: null,
  },
  diesel: {
    files: {
      "00000000000000_create_users/up.sql": up(USERS),
      "00000000000000_create_users/down.sql": "DROP TABLE users;",
      "2024-01-02-120000_create_notes/up.sql": up(NOTES),
      "2024-01-02-120000_create_notes/down.sql": "DROP TABLE notes;",
      "2024-01-03-120000_create_tags/up.sql": up(TAGS),
    },
    versions: [1, SECOND, THIRD],
    table: "__diesel_schema_migrations",
    ledger: [
      "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
      `INSERT INTO __diesel_schema_migrations VALUES ('00000000000000', '${APPLIED_TEXT}'), ('${SECOND}', '${APPLIED_TEXT}')`,
    ],
    appliedAt: APPLIED_AT,
  },
};

/** The schema of the two applied migrations with rows in it, and the tool's ledger; in memory when no path is given. */
export function foreignDatabase(tool: ForeignTool, path = ":memory:"): Connection {
  const db = openConnection(path);
  for (const sql of [USERS, NOTES, ...FOREIGN_DATABASES[tool].ledger]) db.runOnce(sql);
  db.runOnce("INSERT INTO users VALUES (1, 'a'), (2, 'b')");
  db.runOnce("INSERT INTO notes VALUES (1, 2)");
  return db;
}

/** Everything in a database: its schema, and the rows of every table. */
export function contentOf(db: Connection): unknown {
  const schema = db.readOnce("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
  const tables = schema.filter(([type]) => type === "table").map(([, name]) => String(name));
  return {
    schema,
    rows: tables.map((name) => [name, db.readOnce(`SELECT * FROM ${quoteIdentifier(name)}`)]),
    userVersion: db.readOnce("PRAGMA user_version"),
  };
}
