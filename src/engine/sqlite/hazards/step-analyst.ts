/** Goes through one step, statement by statement: compile, judge, run on the shadow. */
import type { Hazard, StatementEffects, StepAnalysis } from "../../../migration/hazard.ts";
import type {
  BatchedBody,
  FunctionBody,
  MigrationDatabase,
  SqlBody,
} from "../../../migration/migration.ts";
import type { Step } from "../../../migration/plan.ts";
import { positionIn, statementsOf } from "../../../migration/sql-body.ts";
import { runsAlone } from "../../../migration/statement-rules.ts";
import { splitStatements, type Statement } from "../../../migration/sql-scanner.ts";
import { isPromise } from "../../task.ts";
import { ContentFollower } from "./content-follower.ts";
import type { Bench, Finding } from "./finding.ts";
import { foreignKeyFailuresOf, strandedRowsOf } from "./foreign-key-failures.ts";
import { shadowDatabase } from "./function-steps.ts";
import { judge, type Vacated } from "./judge.ts";
import type { Access } from "./probe.ts";
import { renameOf } from "./statement-shape.ts";
import { limitOf } from "./touch-limit.ts";
import type { TriedStatement } from "./trial.ts";

export class StepAnalyst {
  readonly #bench: Bench;
  readonly #follower: ContentFollower;
  readonly #step: Step;
  readonly #statements: StatementEffects[] = [];
  readonly #hazards: Hazard[] = [];
  readonly #notAnalysed: string[] = [];
  readonly #vacated: {
    readonly vacated: Vacated;
    readonly line: number | null;
    readonly text: string;
  }[] = [];
  readonly #rebuilt: string[] = [];
  #ran: TriedStatement[] | null = [];

  constructor(bench: Bench, step: Step) {
    this.#bench = bench;
    this.#follower = new ContentFollower(bench);
    this.#step = step;
    for (const missing of bench.shadow.missing)
      this.#notAnalysed.push(`what touches ${missing} (it could not be copied)`);
  }

  /** The statements that ran on the shadow; null when not all of them did, or not as they will. */
  get ran(): readonly TriedStatement[] | null {
    return this.#ran;
  }

  analyse(): StepAnalysis {
    const { direction, version, name, file, body, hasDown } = this.#step;
    if (body.kind === "sql") this.#runSql(body);
    else this.#runFunction(body.file, runnerOf(body));
    for (const { vacated, line, text } of this.#vacated) this.#settle(vacated, line, text);
    if (!hasDown) this.#report(IRREVERSIBLE, body.kind === "sql" ? body.firstLine : null, null);
    return {
      direction,
      version,
      name,
      file,
      statements: this.#statements,
      rebuilt: this.#rebuilt,
      hazards: this.#hazards,
      notAnalysed: this.#notAnalysed,
      ranOnEmptyShadow: body.kind !== "sql",
      estimate: null,
    };
  }

  #runSql(body: SqlBody): void {
    const { shadow } = this.#bench;
    const limit = limitOf(shadow, body);
    for (const statement of statementsOf(body)) {
      // They rewrite the file or change how it is built: nothing that a shadow could lose, and no time it could tell.
      if (runsAlone(statement)) {
        this.#ran = null;
        continue;
      }
      const { line } = positionIn(body, statement.start);
      limit?.admit(statement);
      const accesses = this.#examine(statement, line);
      if (accesses === null) {
        this.#ran = null;
        continue;
      }
      this.#ran?.push({ statement, accesses });
      const before = this.#columnsAltered(statement, accesses);
      const failure = shadow.run(statement.text);
      limit?.settle(statement, failure);
      this.#follower.follow(statement, accesses, before);
      if (failure !== null) this.#notAnalysed.push(`line ${line}: ${failure}`);
    }
    this.#judgeForeignKeys();
  }

  /** At the end of the step, when the engine checks them too. */
  #judgeForeignKeys(): void {
    const { shadow, contents } = this.#bench;
    const last = new Map<string, StatementEffects>();
    for (const effects of this.#statements) {
      for (const name of [...effects.created, ...effects.altered, ...effects.written])
        last.set(name.toLowerCase(), effects);
      const rename = effects.altered.length > 0 ? renamedTo(effects.statement) : null;
      if (rename !== null) last.set(rename.toLowerCase(), effects);
    }
    for (const [name, effects] of last) {
      if (contents.isLive(name) || shadow.columns(name).length === 0) continue;
      const findings = foreignKeyFailuresOf(this.#bench, name, (reason) =>
        this.#notAnalysed.push(reason),
      );
      for (const finding of findings) this.#report(finding, effects.line, effects.statement);
    }
    const gone = this.#statements.filter(
      ({ statement, dropped }) => dropped.length > 0 || /\bDELETE\b/i.test(statement),
    );
    const parents = gone.flatMap(({ dropped, written }) => [...dropped, ...written]);
    const cause = gone.at(-1);
    if (cause === undefined) return;
    const lost = new Set(parents.map((name) => name.toLowerCase()));
    for (const finding of strandedRowsOf(this.#bench, lost))
      this.#report(finding, cause.line, cause.statement);
  }

  #runFunction(file: string, run: (db: MigrationDatabase) => unknown): void {
    this.#ran = null;
    // A loop says the same thing many times; only a change of the schema can make it mean something else.
    const seen = new Set<string>();
    const database = shadowDatabase(this.#bench.shadow, file, (statement) => {
      if (seen.has(statement.text)) return;
      if (CHANGES_SCHEMA.has(statement.words[0] ?? "")) seen.clear();
      seen.add(statement.text);
      // It compiles what it explains and runs nothing of it.
      if (statement.words[0] === "EXPLAIN") return;
      const accesses = this.#examine(statement, null);
      if (accesses !== null) this.#follower.forget(statement, accesses);
    });
    try {
      const result = run(database);
      if (!isPromise(result)) return;
      result.then(undefined, () => undefined);
      this.#notAnalysed.push("the function: it returned a promise");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#notAnalysed.push(`the function: it failed on an empty schema (${reason})`);
    }
  }

  /** What the statement does; null when it does not compile. */
  #examine(statement: Statement, line: number | null): readonly Access[] | null {
    const probe = this.#bench.shadow.probe(statement.text);
    const place = line === null ? "a statement of the function" : `line ${line}`;
    if (probe.failure !== null) this.#notAnalysed.push(`${place}: ${probe.failure}`);
    const { findings, vacated, unknown } = judge(this.#bench, statement, probe);
    for (const finding of findings) this.#report(finding, line, statement.text);
    for (const one of vacated) this.#vacated.push({ vacated: one, line, text: statement.text });
    for (const reason of unknown) this.#notAnalysed.push(`${place}: ${reason}`);
    this.#statements.push({
      line,
      statement: statement.text,
      ...effectsOf(probe.accesses),
      reachedByCascade: namesOf(probe.cascades),
    });
    return probe.failure === null ? probe.accesses : null;
  }

  #columnsAltered(statement: Statement, accesses: readonly Access[]): readonly string[] {
    const table = accesses.find(({ does }) => does === "alter")?.table;
    if (statement.words[0] !== "ALTER" || table === undefined) return [];
    return this.#bench.shadow
      .columns(table)
      .filter(({ isGenerated }) => !isGenerated)
      .map(({ name }) => name);
  }

  /** At the end of the step: did another table take the name of the dropped one, or only its rows? */
  #settle(
    { table, isOriginal, lives, rowCount, cascades }: Vacated,
    line: number | null,
    text: string,
  ): void {
    const { holdings } = this.#bench;
    const names = lives.map((name) => holdings.successorOf(name)?.name.toLowerCase());
    const isBack = names.includes(table.toLowerCase());
    const subject = isBack ? table : lives.find((name) => names.includes(name.toLowerCase()));
    if (!isBack) for (const cascade of cascades) this.#report(cascade, line, text);
    // A copy that the plan made for itself and threw away again is nobody's loss.
    if (!isBack && !isOriginal) return;
    if (subject !== undefined) this.#rebuilt.push(subject);
    this.#report(
      subject === undefined ? moved(table, rowCount) : rebuilt(subject, rowCount),
      line,
      text,
    );
  }

  #report(finding: Finding, line: number | null, statement: string | null): void {
    const { version, file, body } = this.#step;
    this.#hazards.push({
      kind: finding.kind,
      losesData: finding.losesData,
      table: finding.table,
      column: finding.column,
      rowCount: finding.rowCount,
      version,
      file: body.kind === "sql" ? body.file : file,
      line,
      statement,
      message: finding.message,
      wayOut: finding.wayOut,
    });
  }
}

/** The new name of a table that a statement renames. */
function renamedTo(sql: string): string | null {
  const [statement] = splitStatements(sql);
  const rename = statement === undefined ? null : renameOf(statement);
  return rename?.kind === "table" ? rename.to : null;
}

/** What a function does, or a batched migration with one chunk, in which there is no row. */
function runnerOf(body: FunctionBody | BatchedBody): (db: MigrationDatabase) => unknown {
  if (body.kind === "function") return body.run;
  const { emptyBatch } = require("../parts/batch.ts") as typeof import("../parts/batch.ts");
  return (db) => body.work.run(db, emptyBatch(db, body.work.table));
}

const CHANGES_SCHEMA: ReadonlySet<string> = new Set(["ALTER", "CREATE", "DROP"]);

const IRREVERSIBLE: Finding = {
  kind: "IRREVERSIBLE",
  losesData: false,
  table: "",
  column: null,
  rowCount: null,
  message: "has no down: only a backup leads back",
  wayOut: "Write a `-- migrate:down` section.",
};

function rebuilt(table: string, rowCount: number): Finding {
  return {
    kind: "REBUILDS",
    losesData: false,
    table,
    column: null,
    rowCount,
    message: `rebuilds ${table}: ${rowCount} row(s) are copied, none is lost`,
    wayOut: "Use ALTER TABLE where it can do the same: it copies nothing.",
  };
}

function moved(table: string, rowCount: number): Finding {
  return {
    kind: "DROPS_TABLE",
    losesData: false,
    table,
    column: null,
    rowCount,
    message: `drops ${table} after its ${rowCount} row(s) were copied`,
    wayOut: `Keep ${table}, or a view of that name, while programs still read it.`,
  };
}

function effectsOf(
  accesses: readonly Access[],
): Pick<StatementEffects, "created" | "altered" | "dropped" | "read" | "written"> {
  const of = (...verbs: readonly Access["does"][]): string[] =>
    namesOf(accesses.filter(({ does }) => verbs.includes(does)));
  const dropped = of("drop");
  return {
    created: of("create"),
    altered: of("alter"),
    dropped,
    read: of("read"),
    // Compiling a DROP TABLE mentions a DELETE on the table itself.
    written: of("insert", "update", "delete").filter((table) => !dropped.includes(table)),
  };
}

const namesOf = (accesses: readonly Access[]): string[] => [
  ...new Set(accesses.map(({ table }) => table)),
];
