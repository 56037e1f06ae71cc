/** Databases made ill on purpose, each with the finding that must name it. */
import { Database } from "bun:sqlite";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import type { Topic } from "../../src/doctor/finding.ts";
import { NOON } from "../support/usage-db.ts";
import { assistant, writeLines } from "../support/transcripts.ts";

export interface Patient {
  /** A healthy database that nobody has open. */
  readonly path: string;
  /** An empty folder of Claude Code's transcripts. */
  readonly transcripts: string;
}

export interface Illness {
  readonly name: string;
  readonly make: (patient: Patient) => void;
  readonly topic: Topic;
  readonly degree?: "remark";
  readonly observed: RegExp;
  readonly remedy: RegExp;
}

const DAY_MS = 86_400_000;

/** Runs statements with every guard off, as a program that knows nothing of the rules would. */
function vandalize(path: string, ...statements: readonly string[]): void {
  const db = new Database(path, { readwrite: true });
  db.run("PRAGMA foreign_keys = OFF");
  db.run("PRAGMA ignore_check_constraints = ON");
  for (const statement of statements) db.run(statement);
  db.close(true);
}

function overwrite(path: string, offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, bytes, 0, bytes.length, offset);
  closeSync(descriptor);
}

export const ILLNESSES: readonly Illness[] = [
  {
    name: "the file is gone",
    make: ({ path }) => rmSync(path),
    topic: "file",
    observed: /no such file/,
    remedy: /--db/,
  },
  {
    name: "a directory stands in its place",
    make: ({ path }) => {
      rmSync(path);
      mkdirSync(path);
    },
    topic: "file",
    observed: /a directory/,
    remedy: /Name the database file/,
  },
  {
    name: "a symbolic link stands in its place",
    make: ({ path }) => {
      renameSync(path, `${path}.real`);
      symlinkSync(`${path}.real`, path);
    },
    topic: "file",
    observed: /a symbolic link/,
    remedy: /Name the database file/,
  },
  {
    name: "the file has two names",
    make: ({ path }) => linkSync(path, `${path}.other`),
    topic: "file",
    observed: /2 names/,
    remedy: /Keep one name/,
  },
  {
    name: "everybody may read it",
    make: ({ path }) => chmodSync(path, 0o644),
    topic: "file",
    observed: /mode is 0644/,
    remedy: /chmod 600/,
  },
  {
    name: "a link was planted where the WAL goes",
    make: ({ path }) => symlinkSync("/etc/hostname", `${path}-wal`),
    topic: "file",
    observed: /a symbolic link/,
    remedy: /move it away/,
  },
  {
    name: "it is no database",
    make: ({ path }) => writeFileSync(path, "no database".repeat(1000)),
    topic: "integrity",
    observed: /not a database/,
    remedy: /./,
  },
  {
    name: "it is empty",
    make: ({ path }) => truncateSync(path, 0),
    topic: "schema",
    observed: /\d+ are pending/,
    remedy: /migrate up/,
  },
  {
    name: "it was cut off",
    make: ({ path }) => truncateSync(path, statSync(path).size - 8 * 4096),
    topic: "integrity",
    observed: /malformed|invalid page|out of order|beyond|wrong #|never used/i,
    remedy: /recover|backup/,
  },
  {
    name: "an index lost an entry",
    // The id stands in the row and in the index of keys; one of them is changed.
    make: ({ path }) => overwrite(path, readFileSync(path).indexOf("msg_1"), Buffer.from("msg_2")),
    topic: "integrity",
    observed: /missing from index|wrong # of entries/,
    remedy: /recover|backup/,
  },
  {
    name: "another application owns it",
    make: ({ path }) => vandalize(path, "PRAGMA application_id = 42"),
    topic: "integrity",
    observed: /application_id is 0x2a/,
    remedy: /./,
  },
  {
    name: "a newer program wrote it",
    make: ({ path }) =>
      vandalize(
        path,
        "INSERT INTO schema_migrations (version, name, applied_at, checksum, execution_time_ms, schema_hash, tool_version) SELECT 900, 'from_the_future', applied_at, checksum, 0, schema_hash, tool_version FROM schema_migrations LIMIT 1",
      ),
    topic: "schema",
    observed: /version 900, newer/,
    remedy: /Update usagedb/,
  },
  {
    name: "somebody changed the schema by hand",
    make: ({ path }) => vandalize(path, "DROP INDEX idx_events_timestamp"),
    topic: "schema",
    observed: /idx_events_timestamp/,
    remedy: /migrate diff/,
  },
  {
    name: "somebody moved user_version",
    make: ({ path }) => vandalize(path, "PRAGMA user_version = 3"),
    topic: "schema",
    observed: /it is 3/,
    remedy: /user_version/,
  },
  {
    name: "a row points at nothing",
    make: ({ path }) => vandalize(path, "DELETE FROM sessions WHERE session_id = 'session-1'"),
    topic: "integrity",
    observed: /point at nothing/,
    remedy: /missing parents/,
  },
  {
    name: "a value breaks its CHECK",
    make: ({ path }) => vandalize(path, "UPDATE usage_snapshots SET snapshot_data = 'not json'"),
    topic: "integrity",
    observed: /CHECK constraint failed in usage_snapshots/,
    remedy: /recover|backup/,
  },
  {
    name: "seconds stand where milliseconds belong",
    make: ({ path }) => vandalize(path, "UPDATE usage_snapshots SET timestamp = timestamp / 1000"),
    topic: "units",
    observed: /no epoch milliseconds/,
    remedy: /1000/,
  },
  {
    name: "a time lies in the future",
    make: ({ path }) =>
      vandalize(path, `UPDATE usage_snapshots SET timestamp = ${NOON + 400 * DAY_MS}`),
    topic: "units",
    observed: /in the future/,
    remedy: /clock/,
  },
  {
    name: "the hours are not what the messages say",
    make: ({ path }) =>
      vandalize(path, "UPDATE usage_rollups SET output_tokens = output_tokens + 1"),
    topic: "numbers",
    observed: /output_tokens is 21, the messages say 20/,
    remedy: /./,
  },
  {
    name: "a model has no price",
    make: ({ path }) =>
      vandalize(
        path,
        "UPDATE prices SET rates = NULL",
        "UPDATE usage_rollups SET cost_picousd = NULL",
        "UPDATE usage_session_totals SET cost_picousd = 0, unpriced_count = message_count",
      ),
    topic: "numbers",
    degree: "remark",
    observed: /no price is known of claude-opus-4-6/,
    remedy: /prices set/,
  },
  {
    name: "it left WAL mode",
    make: ({ path }) => vandalize(path, "PRAGMA journal_mode = DELETE"),
    topic: "settings",
    observed: /it is delete, expected wal/,
    remedy: /switches back/,
  },
  {
    name: "it does not give pages back",
    make: ({ path }) => {
      vandalize(path, "PRAGMA journal_mode = DELETE", "PRAGMA auto_vacuum = 0", "VACUUM");
      vandalize(path, "PRAGMA journal_mode = WAL");
    },
    topic: "settings",
    degree: "remark",
    observed: /not incremental/,
    remedy: /VACUUM/,
  },
  {
    name: "most of it is free",
    make: ({ path }) => {
      const rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24)";
      vandalize(
        path,
        `INSERT INTO usage_snapshots (session_id, snapshot_data, timestamp)
         ${rows} SELECT 'session-1', json_quote(hex(zeroblob(500000))), ${NOON} FROM n`,
        "DELETE FROM usage_snapshots WHERE length(snapshot_data) > 500000",
      );
    },
    topic: "space",
    observed: /% of the file is free/,
    remedy: /maintain vacuum/,
  },
  {
    name: "an old SQLite wrote it",
    make: ({ path }) => {
      const version = Buffer.alloc(4);
      version.writeUInt32BE(3_046_001);
      overwrite(path, 96, version);
    },
    topic: "versions",
    observed: /last written by SQLite 3\.46\.1/,
    remedy: /update it/,
  },
  {
    name: "a job failed",
    make: ({ path }) =>
      vandalize(
        path,
        `INSERT INTO maintenance_runs (job, started_at, ended_at, outcome, error) VALUES ('optimize', ${NOON - DAY_MS}, ${NOON - DAY_MS}, 'failed', 'DATABASE_FULL: the disk is full')`,
      ),
    topic: "maintenance",
    observed: /DATABASE_FULL/,
    remedy: /maintain optimize/,
  },
  {
    name: "a retention policy makes no sense",
    make: ({ path }) =>
      vandalize(
        path,
        "UPDATE retention_policies SET value = 90 WHERE subject = 'events' AND rule = 'max_age_ms'",
      ),
    topic: "maintenance",
    observed: /events\.max_age_ms/,
    remedy: /./,
  },
  {
    name: "no job ran for a month",
    make: ({ path }) =>
      vandalize(
        path,
        `INSERT INTO maintenance_runs (job, started_at, ended_at, outcome) VALUES ('optimize', ${NOON - 30 * DAY_MS}, ${NOON - 30 * DAY_MS}, 'done')`,
      ),
    topic: "maintenance",
    degree: "remark",
    observed: /no job ran since/,
    remedy: /maintain install/,
  },
  {
    name: "the clock ran ahead when a job ran",
    make: ({ path }) =>
      vandalize(
        path,
        `INSERT INTO maintenance_runs (job, started_at, ended_at, outcome) VALUES ('optimize', ${NOON + DAY_MS}, ${NOON + DAY_MS}, 'done')`,
      ),
    topic: "maintenance",
    observed: /still to come/,
    remedy: /clock/,
  },
  {
    name: "a backup is not what it was",
    make: ({ path }) => {
      const backup = `${path}.20261120T120000000Z-v14.backup`;
      copyFileSync(path, backup);
      const hash = new Bun.CryptoHasher("sha256").update(readFileSync(backup)).digest("hex");
      writeFileSync(`${backup}.sha256`, `${hash}  usage.db\n`);
      overwrite(backup, 5000, new Uint8Array([1]));
    },
    topic: "backups",
    observed: /SHA-256 is not the one/,
    remedy: /Do not restore it/,
  },
  {
    name: "transcripts are about to be deleted and were not read",
    make: ({ transcripts }) => {
      const file = `${transcripts}/app/old.jsonl`;
      writeLines(file, [assistant({ id: "msg_unread", timestamp: NOON - 29 * DAY_MS })]);
      utimesSync(file, new Date(NOON - 29 * DAY_MS), new Date(NOON - 29 * DAY_MS));
    },
    topic: "sources",
    observed: /1 transcript\(s\) of 1 day\(s\) are about to be deleted/,
    remedy: /usagedb sync/,
  },
];
