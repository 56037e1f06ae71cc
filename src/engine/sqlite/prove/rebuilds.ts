/** What a version's rebuilds lose beside rows: triggers and indexes, parts of the definition, the count of ids. */
import type { Migration, MigrationBody } from "../../../migration/migration.ts";
import { statementsOf } from "../../../migration/sql-body.ts";
import type { Connection } from "../connection.ts";
import { readSchemaMoment, rebuildLosses, type SchemaMoment } from "../rebuild-losses.ts";
import { countingTables, loweredSequences, readSequences } from "../sequences.ts";
import { labelOf, placeIn } from "./position.ts";
import { failed, notTested, type ProofCheck, type ProofTopic } from "./report.ts";

/** How far the counters are ahead of the rows: newer rows were deleted. */
const GAP = 1000;

/** The schema as it is, when the body may rebuild a table; null spares the look. */
export function beforeRebuild(connection: Connection, body: MigrationBody): SchemaMoment | null {
  const mayRebuild =
    body.kind !== "sql" ||
    statementsOf(body).some(({ words }) => words[0] === "DROP" && words[1] === "TABLE");
  return mayRebuild ? readSchemaMoment(connection) : null;
}

/** A trigger or an index that went without a word is a fault; a looser definition may be what the author wants. */
export function rebuildChecks(
  connection: Connection,
  before: SchemaMoment | null,
  { topic, migration }: { readonly topic: ProofTopic; readonly migration: Migration },
): ProofCheck[] {
  if (before === null) return [];
  const { up, version } = migration;
  return rebuildLosses(before, readSchemaMoment(connection), up).map(({ kind, table, what }) => {
    const place = { version, table, position: placeIn(up, table) };
    const verb = what.split(" ", 1)[0]?.toUpperCase() ?? "";
    // What a function drops by name is not to be seen.
    return kind === "dropped" && up.kind === "sql"
      ? failed(
          topic,
          labelOf(migration),
          {
            observed: `the rebuild of ${table} takes ${what} with it`,
            remedy: `Create it again after the rebuild; if it must go, say so with \`DROP ${verb}\`.`,
          },
          place,
        )
      : notTested(
          topic,
          labelOf(migration),
          {
            observed: `${table} loses ${what}: whether it was forgotten cannot be told`,
            remedy: "Repeat it in the new table, unless it is meant to go.",
          },
          place,
        );
  });
}

/** Puts every AUTOINCREMENT counter ahead of its rows. */
export function raiseSequences(connection: Connection): ReadonlyMap<string, number> {
  if (readSequences(connection).size === 0) return new Map();
  connection.runOnce(`UPDATE sqlite_sequence SET seq = seq + ${GAP} WHERE typeof(seq) = 'integer'`);
  return readSequences(connection);
}

/** Counters that fell: ids of deleted rows would be given out again. */
export function sequenceChecks(
  connection: Connection,
  before: ReadonlyMap<string, number>,
  {
    topic,
    migration,
    direction,
  }: {
    readonly topic: ProofTopic;
    readonly migration: Migration;
    readonly direction: "up" | "down";
  },
): ProofCheck[] {
  const body = direction === "up" ? migration.up : migration.down;
  const lowered = loweredSequences(before, readSequences(connection), countingTables(connection));
  return lowered.map(({ table }) =>
    failed(
      topic,
      labelOf(migration),
      {
        observed: `its ${direction} starts the AUTOINCREMENT ids of ${table} anew: those of deleted rows are given out again`,
        remedy: `Copy the row of ${table} in sqlite_sequence when the table is rebuilt.`,
      },
      { version: migration.version, table, position: placeIn(body, table) },
    ),
  );
}
