/** Takes what is to be forgotten out of every table; the caller holds the transaction. */
import type { Binding } from "../../engine/sqlite/connection.ts";
import { quoteIdentifier } from "../../engine/sqlite/quote.ts";
import { type HourKey, rebuildHours } from "../../store/rebuild-hours.ts";
import { rebuildCutTotals } from "../../store/rebuild-totals.ts";
import { rememberForgotten } from "../../store/usage-forgotten.ts";
import type { UsageStore } from "../../store/usage-store.ts";
import { forgetFreedIds } from "../retention-progress.ts";
import { chooseSessions, IS_IN_PROJECT } from "./chosen-sessions.ts";
import { forgetSources } from "./forget-sources.ts";
import { hideInSnapshots } from "./hide-in-snapshots.ts";
import { nameColumns, tablesWith } from "./name-tables.ts";
import type { ForgetTarget } from "./target.ts";

export interface ForgottenRows {
  /** Sessions of which nothing is left. */
  readonly sessions: readonly string[];
  /** Rows by table. */
  readonly deleted: Readonly<Record<string, number>>;
  /** Rows that stay in the sums under a name that says nothing. */
  readonly anonymised: Readonly<Record<string, number>>;
  /** Transcripts that are not read again. */
  readonly sources: readonly string[];
}

export interface ForgetRowsOptions {
  /** False takes the tokens out of the hours too; true leaves them there without a name. */
  readonly keepsSums: boolean;
}

/** By time alone; those of messages and snapshots have sessions as well. */
const FOLDS = ["event_rollups", "usage_limit_sample_rollups", "usage_snapshot_rollups"];
const IS_CHOSEN = "session_id IN (SELECT session_id FROM temp.forgetting)";
const IS_CHOSEN_NAME = "session_name_id IN (SELECT old_id FROM temp.forgetting)";

export function forgetRows(
  store: UsageStore,
  target: ForgetTarget,
  { keepsSums }: ForgetRowsOptions,
): ForgottenRows {
  const sessions = chooseSessions(store.connection, target);
  const work = new Forgetting(store, target);
  work.deleteEvents();
  work.deleteSnapshots(sessions);
  const hours = keepsSums ? [] : work.affectedHours();
  if (keepsSums) work.anonymise();
  else work.deleteUsage();
  work.deleteSessions();
  const sources = forgetSources(store.connection, sessions);
  work.count("deleted", "usage_sources", sources.length);
  rebuildHours(store, hours);
  if (!keepsSums && target.kind === "before") rebuildCutTotals(store, target.beforeMs);
  if (!keepsSums) work.deleteFolds();
  if (!keepsSums) work.deleteBareHours();
  work.deleteNames();
  rememberForgotten(
    store.connection,
    {
      sessions,
      sources,
      project: target.kind === "project" ? target.project : null,
      beforeMs: target.kind === "before" ? target.beforeMs : null,
    },
    store.now(),
  );
  for (const table of ["usage_snapshots", "usage_limit_samples"])
    forgetFreedIds(store.connection, table);
  store.connection.runOnce("DROP TABLE temp.forgetting");
  store.connection.runOnce("DROP TABLE temp.forgetting_events");
  return { sessions, sources, ...work.counts };
}

class Forgetting {
  readonly #store: UsageStore;
  readonly #target: ForgetTarget;
  readonly #deleted: Record<string, number> = {};
  readonly #anonymised: Record<string, number> = {};

  constructor(store: UsageStore, target: ForgetTarget) {
    this.#store = store;
    this.#target = target;
  }

  get counts(): Pick<ForgottenRows, "deleted" | "anonymised"> {
    return { deleted: this.#deleted, anonymised: this.#anonymised };
  }

  count(kind: "deleted" | "anonymised", table: string, rows: number): void {
    if (rows === 0) return;
    const counts = kind === "deleted" ? this.#deleted : this.#anonymised;
    counts[table] = (counts[table] ?? 0) + rows;
  }

  deleteEvents(): void {
    this.#delete("events", IS_CHOSEN);
    if (this.#target.kind === "project")
      this.#delete("events", IS_IN_PROJECT, this.#target.project);
    if (this.#target.kind === "before")
      this.#delete("events", "timestamp < ?", this.#target.beforeMs);
  }

  /** Those of the sessions themselves; others stay without the names. */
  deleteSnapshots(sessions: readonly string[]): void {
    this.#delete("usage_snapshots", IS_CHOSEN);
    if (this.#target.kind === "before")
      this.#delete("usage_snapshots", "timestamp < ?", this.#target.beforeMs);
    const names = new Set(sessions);
    if (this.#target.kind === "project") names.add(this.#target.project);
    this.count("anonymised", "usage_snapshots", hideInSnapshots(this.#store.connection, names));
  }

  deleteSessions(): void {
    this.#delete("sessions", IS_CHOSEN);
    if (this.#target.kind !== "project") return;
    const { project } = this.#target;
    // It worked for other projects as well, and stays theirs.
    this.#update("sessions", "project = NULL", "project = ?", project);
  }

  /** The hours that messages, and sums of messages that a prune took, are about to leave. */
  affectedHours(): HourKey[] {
    const { connection } = this.#store;
    const [where, values] = this.#usage("timestamp");
    const [foldWhere, foldValues] = this.#usage("last_at");
    const folds = tablesWith(connection, "slice_at");
    const columns = "project_name_id, model_name_id, agent_name_id";
    const rows = [
      `SELECT timestamp AS at, ${columns} FROM usage_message_rows WHERE ${where}`,
      ...folds.map(
        (table) => `SELECT slice_at, ${columns} FROM ${quoteIdentifier(table)} WHERE ${foldWhere}`,
      ),
    ];
    return connection
      .prepare<HourKey>(
        `SELECT DISTINCT at - at % 3600000 AS hour, p.name AS project, m.name AS model, a.name AS agent
         FROM (${rows.join(" UNION ALL ")}) AS r
         JOIN usage_names AS p ON p.name_id = r.project_name_id
         JOIN usage_names AS m ON m.name_id = r.model_name_id
         JOIN usage_names AS a ON a.name_id = r.agent_name_id`,
        "read messages",
      )
      .all(...values, ...folds.flatMap(() => foldValues));
  }

  /** Messages, and whatever else is summed by session. */
  deleteUsage(): void {
    for (const table of tablesWith(this.#store.connection, "session_name_id")) {
      const time = table === "usage_message_rows" ? "timestamp" : "last_at";
      const [where, values] = this.#usage(time);
      this.#delete(table, where, ...values);
    }
    this.#delete("usage_limit_samples", IS_CHOSEN);
    if (this.#target.kind === "before")
      this.#delete("usage_limit_samples", "observed_at < ?", this.#target.beforeMs);
    for (const table of this.#otherSessionTables()) this.#delete(table, IS_CHOSEN);
  }

  /** Sums of rows that maintenance deleted; an hour or a day that the moment cuts stays whole. */
  deleteFolds(): void {
    if (this.#target.kind !== "before") return;
    for (const table of FOLDS) this.#delete(table, "last_at < ?", this.#target.beforeMs);
  }

  /** Hours without messages, whose sums are all that there is. */
  deleteBareHours(): void {
    if (this.#target.kind === "project")
      this.#delete("usage_rollups", "project = ?", this.#target.project);
    if (this.#target.kind === "before")
      this.#delete("usage_rollups", "hour + 3600000 <= ?", this.#target.beforeMs);
  }

  /** Gives sessions and the project names that say nothing; tokens and times stay, so all sums stay. */
  anonymise(): void {
    const { connection } = this.#store;
    const isNew = "(SELECT new_id FROM temp.forgetting WHERE old_id = session_name_id)";
    connection.runOnce(
      "UPDATE temp.forgetting SET alias = 'forgotten-' || lower(hex(randomblob(6)))",
    );
    connection.runOnce(
      "INSERT INTO usage_names (name) SELECT alias FROM temp.forgetting WHERE old_id IS NOT NULL",
    );
    connection.runOnce(
      `UPDATE temp.forgetting SET new_id = (SELECT name_id FROM usage_names WHERE name = alias)
       WHERE old_id IS NOT NULL`,
    );
    this.#hideMessages(IS_CHOSEN_NAME);
    for (const table of tablesWith(connection, "session_name_id"))
      this.#update(table, `session_name_id = ${isNew}`, IS_CHOSEN_NAME);
    if (this.#target.kind === "project") this.#anonymiseProject(this.#target.project);
    this.#update("usage_limit_samples", "session_id = ''", IS_CHOSEN);
    for (const table of this.#otherSessionTables())
      this.#update(
        table,
        `session_id = (SELECT f.alias FROM temp.forgetting AS f WHERE f.session_id = ${quoteIdentifier(table)}.session_id)`,
        IS_CHOSEN,
      );
  }

  #anonymiseProject(project: string): void {
    const { connection } = this.#store;
    const old = connection.readOnce("SELECT name_id FROM usage_names WHERE name = ?", project);
    const id = this.#newName();
    const oldId = old[0]?.[0];
    if (oldId !== undefined) {
      this.#hideMessages("project_name_id = ?", oldId);
      for (const table of tablesWith(connection, "project_name_id"))
        this.#update(table, `project_name_id = ${id}`, "project_name_id = ?", oldId);
    }
    const name = `(SELECT name FROM usage_names WHERE name_id = ${id})`;
    this.#update("usage_rollups", `project = ${name}`, "project = ?", project);
  }

  /** By its id a message would be known again in the transcript. */
  #hideMessages(where: string, ...values: Binding[]): void {
    this.#store.connection
      .prepare(
        `UPDATE usage_message_rows
         SET message_id = 'forgotten-' || lower(hex(randomblob(12))), request_id = '', source_id = NULL,
           source_offset = NULL
         WHERE ${where}`,
        "forget messages",
      )
      .run(...values);
  }

  #newName(): number {
    const name = `forgotten-${crypto.getRandomValues(new Uint8Array(6)).toHex()}`;
    const sql = "INSERT INTO usage_names (name) VALUES (?)";
    return Number(this.#store.connection.prepare(sql, "forget").run(name).lastInsertRowid);
  }

  /** Names that no row uses any more, whoever left them behind. */
  deleteNames(): void {
    const used = nameColumns(this.#store.connection).map(
      ({ table, column }) =>
        `SELECT ${quoteIdentifier(column)} FROM ${quoteIdentifier(table)} WHERE ${quoteIdentifier(column)} IS NOT NULL`,
    );
    this.#delete("usage_names", `name_id NOT IN (${used.join(" UNION ")})`);
  }

  /** Which rows with numbers for names go. */
  #usage(time: string): [where: string, values: Binding[]] {
    if (this.#target.kind === "before")
      return [`(${IS_CHOSEN_NAME} OR ${time} < ?)`, [this.#target.beforeMs]];
    if (this.#target.kind === "session") return [IS_CHOSEN_NAME, []];
    const isOfProject = "project_name_id = (SELECT name_id FROM usage_names WHERE name = ?)";
    return [`(${IS_CHOSEN_NAME} OR ${isOfProject})`, [this.#target.project]];
  }

  /** Tables with sessions' own ids that nothing above knows. */
  #otherSessionTables(): string[] {
    const known = ["sessions", "events", "usage_snapshots", "usage_limit_samples"];
    return tablesWith(this.#store.connection, "session_id").filter((name) => !known.includes(name));
  }

  #delete(table: string, where: string, ...values: Binding[]): void {
    const sql = `DELETE FROM ${quoteIdentifier(table)} WHERE ${where}`;
    const { connection } = this.#store;
    this.count(
      "deleted",
      table,
      connection.prepare(sql, `forget rows of ${table}`).run(...values).changes,
    );
  }

  #update(table: string, change: string, where: string, ...values: Binding[]): void {
    const sql = `UPDATE ${quoteIdentifier(table)} SET ${change} WHERE ${where}`;
    const { connection } = this.#store;
    this.count(
      "anonymised",
      table,
      connection.prepare(sql, `forget rows of ${table}`).run(...values).changes,
    );
  }
}
