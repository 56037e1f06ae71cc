/**
 * One statement of a `transaction:false` step.
 *
 * Whatever can run in a transaction does, together with its position, so a kill leaves it done or not done. Only
 * VACUUM and the pragmas that cannot stand for themselves; all of them may be repeated, so a run that was killed in
 * one of them begins with it anew.
 */
import type { SqlBody } from "../../../migration/migration.ts";
import type { Step } from "../../../migration/plan.ts";
import { pragmaOf, runsAlone } from "../../../migration/statement-rules.ts";
import { statementsOf } from "../../../migration/sql-body.ts";
import type { Statement } from "../../../migration/sql-scanner.ts";
import { doneSqlOf } from "../../../migration/unfinished.ts";
import type { PartOutcome, StepContext } from "../../driver.ts";
import { baselineOf, readViolations } from "../foreign-keys.ts";
import { type Progress, readProgress } from "../progress.ts";
import { refuseEndedTransaction } from "../run-step.ts";
import { SchemaFingerprint } from "../schema-fingerprint.ts";
import { failureOf } from "../step-failure.ts";
import { runFilePragma, verifyFile } from "./file-settings.ts";
import { outcomeBefore, recordFailure, savePart } from "./part.ts";
import type { PartHost } from "./part-host.ts";

/** What was true before the first statement, for the checks after the last one. */
type Before = Pick<Progress, "schemaHash" | "violations">;

export class StatementPart {
  readonly #host: PartHost;
  readonly #step: Step;
  readonly #body: SqlBody;
  readonly #statements: readonly Statement[];
  /** How many statements this process knows to be in force: some pragmas are forgotten with the connection. */
  #inForce = 0;

  constructor(host: PartHost, step: Step, body: SqlBody) {
    this.#host = host;
    this.#step = step;
    this.#body = body;
    this.#statements = statementsOf(body);
  }

  apply(context: StepContext): PartOutcome {
    try {
      const position = this.#position();
      const statement = this.#statements[position];
      return statement !== undefined && runsAlone(statement)
        ? this.#applyAlone(statement, position, context)
        : this.#inLock(context, position, (known) => this.#runInside(known, position, context));
    } catch (error) {
      recordFailure(this.#host, this.#step, error);
      throw error;
    }
  }

  #position(): number {
    const progress = readProgress(this.#host.connection);
    const isOurs =
      progress?.version === this.#step.version && progress.direction === this.#step.direction;
    return isOurs ? progress.done : 0;
  }

  /** Runs `work` when the step still stands at `position` and may go on there. */
  #inLock(
    context: StepContext,
    position: number,
    work: (known: Progress | null) => PartOutcome,
  ): PartOutcome {
    return this.#host.inLock(this.#step, context, () => {
      const progress = readProgress(this.#host.connection);
      const other = outcomeBefore(this.#host, this.#step, { context, progress });
      if (other !== null) return other;
      const known = progress?.direction === this.#step.direction ? progress : null;
      const isHere = (known?.done ?? 0) === position;
      const isSame = known === null || known.doneSql === doneSqlOf(this.#body, position);
      return isHere && isSame ? work(known) : { outcome: "ledger-changed" };
    });
  }

  #runInside(known: Progress | null, position: number, context: StepContext): PartOutcome {
    const startedAt = performance.now();
    const before = this.#before(known);
    const statement = this.#statements[position];
    if (statement !== undefined) {
      context.onStatement?.(statement.text, position + 1);
      this.#run(statement, () => this.#host.connection.runOnce(statement.text));
      refuseEndedTransaction(this.#host.connection, this.#step);
    }
    return this.#advance(known, before, { position, context, startedAt });
  }

  #applyAlone(statement: Statement, position: number, context: StepContext): PartOutcome {
    const { connection, alone } = this.#host;
    // Written down before: should this process be killed, everybody can see which statement may have run.
    const announced = this.#inLock(context, position, (known) =>
      this.#save(known, this.#before(known), {
        done: position,
        statement: statement.text,
        workMs: 0,
      }),
    );
    if (announced.outcome !== "unfinished") return announced;
    const startedAt = performance.now();
    context.onStatement?.(statement.text, position + 1);
    connection.forgetStatements();
    alone(() => {
      this.#restoreSettings(position);
      this.#run(statement, () => runFilePragma(connection, statement));
      if (statement.words[0] === "VACUUM")
        this.#run(statement, () => verifyFile(connection, this.#statements.slice(0, position)));
    });
    return this.#inLock(context, position, (known) =>
      this.#advance(known, this.#before(known), { position, context, startedAt }),
    );
  }

  /** The page size and the vacuum mode wait for the VACUUM in the connection, and a new one has not heard of them. */
  #restoreSettings(position: number): void {
    for (const statement of this.#statements.slice(this.#inForce, position)) {
      const pragma = pragmaOf(statement);
      if (pragma === "page_size" || pragma === "auto_vacuum")
        this.#run(statement, () => this.#host.connection.runOnce(statement.text));
    }
    this.#inForce = position + 1;
  }

  #run(statement: Statement, work: () => void): void {
    try {
      work();
    } catch (error) {
      throw failureOf(error, this.#step, this.#body, statement);
    }
  }

  /** Inside the lock, behind a statement that ran: the next position, or the end. */
  #advance(
    known: Progress | null,
    before: Before,
    part: { readonly position: number; readonly context: StepContext; readonly startedAt: number },
  ): PartOutcome {
    const { position, context, startedAt } = part;
    const workMs = performance.now() - startedAt;
    const done = Math.min(position + 1, this.#statements.length);
    if (done < this.#statements.length)
      return this.#save(known, before, { done, statement: null, workMs });
    const executionTimeMs = (known?.workMs ?? 0) + workMs;
    this.#host.finish(this.#step, context, { executionTimeMs, ...before });
    return { outcome: "applied", executionTimeMs };
  }

  #save(
    known: Progress | null,
    before: Before,
    part: { readonly done: number; readonly statement: string | null; readonly workMs: number },
  ): PartOutcome {
    return savePart(this.#host, this.#step, known, {
      unit: "statements",
      done: part.done,
      total: this.#statements.length,
      checksum: null,
      doneSql: doneSqlOf(this.#body, part.done),
      statement: part.statement,
      cursor: null,
      workMs: (known?.workMs ?? 0) + part.workMs,
      ...before,
    });
  }

  #before(known: Progress | null): Before {
    if (known !== null) return { schemaHash: known.schemaHash, violations: known.violations };
    const { connection } = this.#host;
    this.#host.begin();
    const fingerprint = new SchemaFingerprint();
    fingerprint.refresh(connection, false);
    const violations = fingerprint.hasForeignKeys ? baselineOf(readViolations(connection)) : [];
    return { schemaHash: fingerprint.hash, violations: JSON.stringify([...violations]) };
  }
}
