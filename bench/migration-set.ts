/** The same migrations as each tool wants to find them: one table and one index a version. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface SyntheticMigration {
  readonly version: number;
  readonly name: string;
  readonly up: readonly [table: string, index: string];
  readonly down: string;
}

export function syntheticMigrations(count: number): SyntheticMigration[] {
  return Array.from({ length: count }, (_, index) => {
    const version = index + 1;
    const table = `thing_${version}`;
    return {
      version,
      name: `create_${table}`,
      up: [
        `CREATE TABLE ${table} (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  amount REAL NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
)`,
        `CREATE INDEX idx_${table}_name ON ${table} (name, created_at)`,
      ],
      down: `DROP TABLE ${table}`,
    };
  });
}

const tagOf = ({ version, name }: SyntheticMigration): string =>
  `${String(version).padStart(4, "0")}_${name}`;

export const upSql = ({ up }: SyntheticMigration): string => `${up.join(";\n")};\n`;

/** Files with sections, which usagedb and dbmate both read. */
export function writeSectionFiles(
  folder: string,
  migrations: readonly SyntheticMigration[],
): string {
  mkdirSync(folder, { recursive: true });
  for (const migration of migrations) {
    const text = `-- migrate:up\n${upSql(migration)}\n-- migrate:down\n${migration.down};\n`;
    writeFileSync(join(folder, `${tagOf(migration)}.sql`), text);
  }
  return folder;
}

/** Plain files, for the hand-written floor and for umzug. */
export function writePlainFiles(folder: string, migrations: readonly SyntheticMigration[]): string {
  mkdirSync(folder, { recursive: true });
  for (const migration of migrations)
    writeFileSync(join(folder, `${tagOf(migration)}.sql`), upSql(migration));
  return folder;
}

/** drizzle's folder: plain files, a break between statements, and a journal. */
export function writeDrizzleFolder(
  folder: string,
  migrations: readonly SyntheticMigration[],
): string {
  mkdirSync(join(folder, "meta"), { recursive: true });
  for (const migration of migrations) {
    const text = `${migration.up.join(";\n--> statement-breakpoint\n")};\n`;
    writeFileSync(join(folder, `${tagOf(migration)}.sql`), text);
  }
  const entries = migrations.map((migration, idx) => ({
    idx,
    version: "6",
    when: 1_700_000_000_000 + idx,
    tag: tagOf(migration),
    breakpoints: true,
  }));
  const journal = { version: "7", dialect: "sqlite", entries };
  writeFileSync(join(folder, "meta/_journal.json"), JSON.stringify(journal, null, 2));
  return folder;
}

/** kysely's folder: a module a migration. */
export function writeKyselyFolder(
  folder: string,
  migrations: readonly SyntheticMigration[],
): string {
  mkdirSync(folder, { recursive: true });
  const kysely = JSON.stringify(Bun.resolveSync("kysely", import.meta.dir));
  for (const migration of migrations) {
    const statements = (list: readonly string[]): string =>
      list.map((sql) => `  await sql.raw(${JSON.stringify(sql)}).execute(db);`).join("\n");
    const text = `import { sql } from ${kysely};

export async function up(db) {
${statements(migration.up)}
}

export async function down(db) {
${statements([migration.down])}
}
`;
    writeFileSync(join(folder, `${tagOf(migration)}.js`), text);
  }
  return folder;
}
