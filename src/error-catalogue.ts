/** The catalogue of error codes: who must act, the exit code, the meaning, the way out. */

/** Who must act on an error. */
export type ErrorAudience = "caller" | "author" | "operator" | "maintainer";

/** 0 done, 1 failed, 2 bad usage, 3 check found something, 4 busy, 5 newer than the program. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 130;

interface CatalogueEntry {
  readonly audience: ErrorAudience;
  readonly exitCode: ExitCode;
  readonly meaning: string;
  readonly fix: string;
}

const entry = (
  audience: ErrorAudience,
  exitCode: ExitCode,
  meaning: string,
  fix: string,
): CatalogueEntry => ({ audience, exitCode, meaning, fix });

/** One row a code; the key is part of the public API and never changes its meaning. */
export const ERROR_CATALOGUE = Object.freeze({
  CLI_USAGE: entry(
    "caller",
    2,
    "A command, flag or argument is unknown, missing or one too many.",
    "Use the nearest right spelling named in the message, or `--help`.",
  ),
  VALUE_INVALID: entry(
    "caller",
    2,
    "A value is of the wrong type or out of its range.",
    "Pass a value in the range that the message names.",
  ),
  OPTION_UNKNOWN: entry(
    "caller",
    2,
    "An options object has a key that this call does not know.",
    "Remove the key, or spell it as the message suggests.",
  ),
  DATABASE_PATH_INVALID: entry(
    "caller",
    2,
    "The database path is empty, a directory, a symbolic link or a special file.",
    "Name a regular file, or `:memory:` for a database that is not kept.",
  ),
  DATABASE_CLOSED: entry(
    "caller",
    2,
    "The handle was used after `close()`.",
    "Open the database again, or close it later.",
  ),
  TRANSACTION_PROMISE: entry(
    "caller",
    2,
    "The function given to a transaction is async or returned a promise.",
    "Do the asynchronous work first and pass a synchronous function.",
  ),
  MESSAGE_UNKNOWN: entry(
    "caller",
    1,
    "No stored message has this id, and no transcript that is still there does.",
    "Copy the id from the database or from a transcript; it is told apart by upper and lower case.",
  ),
  DATABASE_NOT_FOUND: entry(
    "operator",
    1,
    "A reading command was pointed at a file that does not exist.",
    "Check `--db` and `USAGEDB_PATH`, or create the database with `usagedb`.",
  ),
  DATABASE_NOT_SQLITE: entry(
    "operator",
    1,
    "The file is not an SQLite database.",
    "Name another file; this one is left as it is.",
  ),
  DATABASE_FOREIGN: entry(
    "operator",
    1,
    "The file is an SQLite database of another application.",
    "Name another file; to migrate somebody else's database use `migrate --dir`.",
  ),
  DATABASE_NEWER: entry(
    "operator",
    5,
    "The database was migrated by a newer version than these migrations know.",
    "Use the newer program, or roll back with it (or with `migrate rollback`) first.",
  ),
  DATABASE_OUTDATED: entry(
    "operator",
    3,
    "A command that only reads, or a seed, found a database that is behind the migrations.",
    "Run `usagedb migrate` to bring it up to date.",
  ),
  DATABASE_BUSY: entry(
    "operator",
    4,
    "Another process held the database's lock for longer than the time-out.",
    "Wait for the other process and run the command again.",
  ),
  DATABASE_FULL: entry(
    "operator",
    1,
    "The disk or the database's page limit is full; the transaction was undone.",
    "Free some space and run the command again.",
  ),
  DATABASE_READONLY: entry(
    "operator",
    1,
    "The file or its folder may not be written.",
    "Give this user write permission on the file and its folder.",
  ),
  DATABASE_CORRUPT: entry(
    "operator",
    1,
    "SQLite reported damaged content, or could not read it.",
    "Keep the file, copy it aside, and run `usagedb migrate validate` to see what is wrong.",
  ),
  DATABASE_IO: entry(
    "operator",
    1,
    "The operating system failed to read or write the file.",
    "Check the disk and run the command again.",
  ),
  DATABASE_CANNOT_OPEN: entry(
    "operator",
    1,
    "The file or its folder cannot be opened or created.",
    "Check that the folder exists and may be written.",
  ),
  DATABASE_INVALID: entry(
    "operator",
    3,
    "Validation found something wrong in the database.",
    "Read the findings; each names what it saw and what to do.",
  ),
  REPAIR_NEEDLESS: entry(
    "author",
    1,
    "A version is not in the state that the repair is for; nothing was written.",
    "Run `migrate repair` to see which repairs are called for.",
  ),
  SCHEMA_DRIFTED: entry(
    "author",
    3,
    "The schema is not what the applied migrations build, so a down may undo something else than it was written for.",
    "Run `migrate diff` to see the differences and the SQL that mends them, or pass `--allow-drift`.",
  ),
  PRAGMA_REFUSED: entry(
    "operator",
    1,
    "A setting that usagedb depends on could not be made on this file.",
    "Use a file system with working locks and a writable folder.",
  ),
  CONSTRAINT_VIOLATED: entry(
    "caller",
    1,
    "A row breaks a constraint of its table; nothing was written.",
    "Correct the value that the message names.",
  ),
  CHANGE_FILE_INVALID: entry(
    "caller",
    1,
    "A change file is not what `usagedb export` wrote, or not all of it; nothing was brought in.",
    "Export it again, and copy it whole.",
  ),
  QUERY_REFUSED: entry(
    "caller",
    2,
    "A query is not one statement, does not compile, or does more than read.",
    "Write one SELECT; the views are listed in docs/SQL.md.",
  ),
  QUERY_TIMEOUT: entry(
    "caller",
    4,
    "A query took longer than it was given, and its process was ended.",
    "Ask for less, or give it longer with `--timeout 60s`.",
  ),
  SQL_FAILED: entry(
    "maintainer",
    1,
    "A statement failed for a reason that has no code of its own.",
    "Report it with the message and the version of usagedb.",
  ),
  LEDGER_FOREIGN: entry(
    "operator",
    1,
    "The ledger was written by another tool or an earlier product; it is left as it is.",
    "Take it over with `migrate adopt --dir`, or use another file.",
  ),
  MIGRATIONS_NOT_FOUND: entry(
    "operator",
    1,
    "The migration directory does not exist or cannot be read.",
    "Check `--dir`.",
  ),
  MIGRATION_FILE_INVALID: entry(
    "author",
    1,
    "A migration file's name is not `<version>_<name>` with a known ending.",
    "Rename it like `003_add_user_tracking.sql`, or move it out of the directory.",
  ),
  MIGRATION_LAYOUT_INVALID: entry(
    "author",
    1,
    "A directory mixes the layouts of several tools, or its journal and its files disagree.",
    "Keep the migrations of one tool in a directory, as that tool wrote them.",
  ),
  MIGRATION_VERSION_DUPLICATE: entry(
    "author",
    1,
    "Two migrations have the same version.",
    "Give the newer one the next free version.",
  ),
  MIGRATION_SECTION_INVALID: entry(
    "author",
    1,
    "The `-- migrate:` sections of a file are missing, repeated, out of order or mis-spelt.",
    "Write one `-- migrate:up` and at most one `-- migrate:down` after it.",
  ),
  MIGRATION_SQL_UNTERMINATED: entry(
    "author",
    1,
    "A string, quoted name, comment or trigger body is not closed.",
    "Close it at the line and column named.",
  ),
  MIGRATION_SQL_NUL: entry(
    "author",
    1,
    "The SQL contains a NUL byte, at which SQLite would silently stop reading.",
    "Remove the byte; the file may be saved in UTF-16.",
  ),
  MIGRATION_TRANSACTION_CONTROL: entry(
    "author",
    1,
    "A migration begins, ends or marks a transaction of its own.",
    "Remove BEGIN, COMMIT, ROLLBACK, SAVEPOINT and RELEASE: each migration already is one.",
  ),
  MIGRATION_STATEMENT_FORBIDDEN: entry(
    "author",
    1,
    "A migration uses ATTACH, DETACH, VACUUM or a PRAGMA that would escape its transaction.",
    "Remove the statement; VACUUM and the pragmas of the file may stand in a `-- migrate:up transaction:false`.",
  ),
  MIGRATION_ASYNC: entry(
    "author",
    1,
    "A migration's `up` or `down` is async, a generator, or returned a promise.",
    "Make it synchronous: bun:sqlite needs no await.",
  ),
  MIGRATION_MODULE_INVALID: entry(
    "author",
    1,
    "A migration module cannot be loaded or does not export `up`.",
    "Export `up(db)` and, to be able to roll back, `down(db)`.",
  ),
  MIGRATION_FAILED: entry(
    "author",
    1,
    "A statement of a migration failed; that migration was undone, earlier ones stay.",
    "Correct the statement shown and run `up` again.",
  ),
  MIGRATION_FOREIGN_KEYS: entry(
    "author",
    1,
    "A migration would leave rows that point at nothing; it was undone.",
    "Move or delete the child rows in the same migration.",
  ),
  MIGRATION_ENDED_TRANSACTION: entry(
    "author",
    1,
    "A migration ended the transaction it runs in, for instance by INSERT OR ROLLBACK.",
    "Remove the statement that ends it.",
  ),
  MIGRATION_EDITED: entry(
    "author",
    1,
    "A migration that was already applied has been changed.",
    "Restore the file's text and put the change into a new migration.",
  ),
  MIGRATION_MISSING: entry(
    "author",
    1,
    "A version stands in the ledger but its file is gone.",
    "Restore the file.",
  ),
  MIGRATION_OUT_OF_ORDER: entry(
    "author",
    1,
    "A pending migration is older than the newest applied one.",
    "Give it a version above the newest applied one, or pass `--allow-out-of-order`.",
  ),
  MIGRATION_DEPENDENCY_INVALID: entry(
    "author",
    1,
    "A migration depends on a version that does not exist, comes later, or is its own.",
    "Name an earlier version in `-- migrate:depends`, or remove the line.",
  ),
  MIGRATION_DEPENDENCY_UNMET: entry(
    "author",
    1,
    "A version that a migration depends on would not be applied when it is.",
    "Apply the version it depends on first, or roll both back.",
  ),
  MIGRATION_IRREVERSIBLE: entry(
    "author",
    1,
    "A rollback would need a down that was never written.",
    "Roll back to a version above it, or restore a backup.",
  ),
  MIGRATION_HAZARD: entry(
    "author",
    1,
    "A pending migration would lose rows or fail on rows that are there; it was not applied.",
    "Change the migration as each hazard says, or allow it by name with `--allow`.",
  ),
  MIGRATION_TOUCHES: entry(
    "author",
    1,
    "A statement reaches a table that its section's `-- migrate:touches` does not name; it was not run.",
    "Name the table there when it is meant, or change the statement.",
  ),
  SEED_NOT_FOUND: entry(
    "operator",
    1,
    "There is no seed for this environment.",
    "Name one of the environments in the message, or write the file; `--seeds` names its folder.",
  ),
  SEED_ENVIRONMENT: entry(
    "operator",
    1,
    "The database belongs to another environment than the seed.",
    "Check `--db`; to make it another environment's from now on, name the old one with `--switch-from`.",
  ),
  SEED_STATEMENT_FORBIDDEN: entry(
    "author",
    1,
    "A seed does something else than read and write rows, or writes to the ledger.",
    "Put what changes the schema into a migration.",
  ),
  SEED_FAILED: entry(
    "author",
    1,
    "A statement of a seed failed; all of the seed was undone.",
    "Correct the statement shown and run the seed again.",
  ),
  SEED_NOT_IDEMPOTENT: entry(
    "author",
    1,
    "A seed, run a second time, would fail or change rows again; all of it was undone.",
    "Write INSERT ... ON CONFLICT DO NOTHING or DO UPDATE with constant values.",
  ),
  QUERIES_INVALID: entry(
    "author",
    1,
    "A `queries.sql` is missing, or is not made of named queries with one statement each.",
    "Write `-- query: NAME`, its `-- expect:` lines and one statement, at the line named.",
  ),
  MIGRATION_UNFINISHED: entry(
    "operator",
    1,
    "A migration that runs in several parts is unfinished, and something else was to run past it.",
    "Run `migrate up` to finish it, or `migrate rollback` to undo it.",
  ),
  TABLE_CHANGE_REFUSED: entry(
    "author",
    1,
    "`changeTable` was asked for what the table, or something that uses it, does not allow.",
    "Change the call as the message says; nothing of the migration was kept.",
  ),
  MIGRATION_TARGET_UNKNOWN: entry(
    "caller",
    2,
    "The version asked for exists neither in the migrations nor in the ledger.",
    "Run `migrate status` to see the versions.",
  ),
  MIGRATION_FILE_EXISTS: entry(
    "caller",
    1,
    "A file with the new migration's name already exists.",
    "Choose another name.",
  ),
  BACKUP_TARGET_INVALID: entry(
    "caller",
    2,
    "A backup would overwrite a file, its folder does not exist, or there is no backup to restore.",
    "Name a new file in a folder that exists.",
  ),
  BACKUP_UNVERIFIED: entry(
    "operator",
    1,
    "A copy is not whole: its pages, its rows or its SHA-256 are wrong. Nothing was replaced by it.",
    "Make a new backup, or restore an older one.",
  ),
  ADOPT_SOURCE_UNKNOWN: entry(
    "operator",
    1,
    "The file to adopt is not the `events.db` of the earlier usage database.",
    "Name the old file itself; anything else stays as it is.",
  ),
  ADOPT_UNBALANCED: entry(
    "maintainer",
    1,
    "Rows of the old file are not accounted for; nothing was brought in.",
    "Report it with the message and the version of usagedb.",
  ),
  ADOPT_LEDGER_UNKNOWN: entry(
    "operator",
    1,
    "A database has no ledger of a tool known here, or those of several.",
    "Name the tool with `--from`, or use `migrate baseline` for a database without a ledger.",
  ),
  ADOPT_LEDGER_DIRTY: entry(
    "operator",
    1,
    "The other tool left a migration half done, or its lock held.",
    "Mend what the message names with that tool, and adopt again.",
  ),
  ADOPT_LEDGER_DIFFERS: entry(
    "operator",
    3,
    "The other tool's ledger and the files of `--dir` do not say the same; nothing was written.",
    "Restore the files that ran, and bring the older ones that did not run up with that tool.",
  ),
  BASELINE_LEDGER_EXISTS: entry(
    "operator",
    1,
    "A database with a ledger was to be given one; the ledger is left as it is.",
    "Run `migrate status` to see what is applied, and `migrate up` to go on.",
  ),
  BASELINE_DIFFERS: entry(
    "operator",
    3,
    "A database without a ledger has another schema than the versions named build.",
    "Name the version whose schema it has, or mend the differences named.",
  ),
  CLOCK_JUMPED: entry(
    "operator",
    1,
    "The clock disagrees with the newest writes, so a prune might delete fresh rows.",
    "Correct the clock; if it is right, pass `--trust-clock`.",
  ),
  HOOK_EVENT_INVALID: entry(
    "caller",
    1,
    "What a hook handed over is no event: not JSON, or without a session and a type.",
    "Hand over a hook's own JSON, or `source_app`, `session_id`, `hook_event_type` and `payload`.",
  ),
  SPOOL_FAILED: entry(
    "operator",
    1,
    "The file beside the database that takes events while it is busy could not be read or written.",
    "Give this user write permission on the database's folder, and free some space.",
  ),
  TOKEN_FILE_INVALID: entry(
    "operator",
    1,
    "The file with the server's token is a link, holds no token, or may be read by others.",
    "Remove the file, or make it readable by its owner only; a new one is written when there is none.",
  ),
  SERVER_CANNOT_LISTEN: entry(
    "operator",
    1,
    "The port is taken, or may not be used.",
    "Stop the other program, or name another port with `--port`.",
  ),
  SETTINGS_INVALID: entry(
    "operator",
    1,
    "The agent's settings file is not the JSON that its entries can be edited in; it is left as it is.",
    "Mend the file by hand, or name another with `--settings`.",
  ),
  SETTINGS_CHANGED: entry(
    "operator",
    1,
    "Another program wrote the settings file at the same moment; it is left as it is.",
    "Run the command again.",
  ),
  STATUS_LINE_TAKEN: entry(
    "operator",
    1,
    "The settings file has a status line of another program, which is left as it is.",
    "Remove `statusLine` from the settings file, or leave out `--statusline`.",
  ),
  MAINTENANCE_RUNNING: entry(
    "operator",
    4,
    "Another process is doing maintenance on this database; only one at a time may.",
    "Wait until it is done, or stop that process; its lock ends with it.",
  ),
  MAINTENANCE_FAILED: entry(
    "operator",
    1,
    "At least one job of a maintenance run failed; the others ran, and what they did stays.",
    "Read what is said of each job, remove the cause and run `usagedb maintain` again.",
  ),
  SCHEDULER_MISSING: entry(
    "operator",
    1,
    "This machine has no scheduler that usagedb knows, or not the one that was named.",
    "Name one with `--scheduler`, or run `usagedb maintain` by whatever runs things here.",
  ),
  SCHEDULER_FAILED: entry(
    "operator",
    1,
    "The system's scheduler did not take an entry, or did not keep it as it was given.",
    "Read what it said; what was there before is kept in the copy that the message names.",
  ),
  FOLD_MISMATCH: entry(
    "operator",
    1,
    "Rows that were about to be deleted did not arrive in the sums that outlive them; nothing was deleted.",
    "Run `usagedb report daily --verify` and `usagedb migrate validate`, and report what they say.",
  ),
  VACUUM_UNAVAILABLE: entry(
    "operator",
    1,
    "Much of the file is free, and it is of a kind that can only be rewritten as a whole.",
    "Stop the programs that use it and run `sqlite3 FILE 'PRAGMA auto_vacuum = 2; VACUUM'` once; its rows stay.",
  ),
  COMPACTION_MISMATCH: entry(
    "maintainer",
    1,
    "A compacted text did not expand to what it was made of; its chunk was undone, nothing was changed.",
    "Report it, and switch compaction off with `usagedb config retention set events.compact_after off`.",
  ),
  SIDE_PROCESS_FAILED: entry(
    "operator",
    1,
    "The process that does long work beside this one could not start, or ended before it answered.",
    "Run the command again; when it ends again, look for what ends it: a memory limit, for one.",
  ),
  CANCELLED: entry(
    "operator",
    130,
    "The work was interrupted; everything committed so far stays.",
    "Run the command again to go on.",
  ),
} satisfies Record<string, CatalogueEntry>);

export type ErrorCatalogue = typeof ERROR_CATALOGUE;

export type ErrorCode = keyof ErrorCatalogue;
