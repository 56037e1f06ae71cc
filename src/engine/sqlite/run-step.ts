/** Runs the body of a step, statement by statement, inside the transaction that the driver has opened. */
import { MigrationError } from "../../errors.ts";
import type { FunctionBody } from "../../migration/migration.ts";
import type { Step } from "../../migration/plan.ts";
import { statementsOf } from "../../migration/sql-body.ts";
import type { StepContext } from "../driver.ts";
import { isPromise } from "../task.ts";
import type { Connection } from "./connection.ts";
import { moduleDatabase } from "./module-database.ts";
import { actionOf, failureOf } from "./step-failure.ts";

/**
 * Runs a step's body; true when it can only have added to the schema.
 * @throws {MigrationError} MIGRATION_FAILED with the statement's position, MIGRATION_ASYNC or
 *   MIGRATION_ENDED_TRANSACTION.
 * @throws {OperationError} when the disk or another process is to blame.
 */
export function runStep(
  connection: Connection,
  step: Step,
  { onStatement }: Pick<StepContext, "onStatement">,
): boolean {
  const { body } = step;
  if (body.kind === "function") {
    runFunction(connection, step, body, onStatement);
    return false;
  }
  if (body.kind === "batched") throw new TypeError("A batched step runs in parts");
  let isAdditive = true;
  let number = 0;
  for (const statement of statementsOf(body)) {
    const verb = statement.words[0];
    if (verb === "ALTER" || verb === "DROP") isAdditive = false;
    onStatement?.(statement.text, ++number);
    try {
      connection.runOnce(statement.text);
    } catch (error) {
      throw failureOf(error, step, body, statement);
    }
    refuseEndedTransaction(connection, step);
  }
  return isAdditive;
}

function runFunction(
  connection: Connection,
  step: Step,
  body: FunctionBody,
  onStatement: StepContext["onStatement"],
): void {
  let number = 0;
  const access = moduleDatabase(
    connection,
    body.file,
    onStatement === undefined
      ? {}
      : { onStatement: (statement) => onStatement(statement, ++number) },
  );
  let result: unknown;
  try {
    result = body.run(access.database);
  } catch (error) {
    const last = access.lastStatement();
    throw failureOf(error, step, last?.body ?? null, last?.statement ?? null);
  } finally {
    access.revoke();
    connection.forgetStatements();
  }
  refusePromise(step, body.file, result);
  refuseEndedTransaction(connection, step);
}

/** @throws {MigrationError} MIGRATION_ASYNC when a function of a migration answered with a promise. */
export function refusePromise(step: Step, file: string, result: unknown): void {
  if (!isPromise(result)) return;
  // It may still be rejected, for instance by the handle that was just revoked.
  result.then(undefined, () => undefined);
  const { version, direction } = step;
  throw new MigrationError(
    "MIGRATION_ASYNC",
    `Cannot ${actionOf(step)}: its ${direction} returned a promise, expected a synchronous function`,
    { details: { version, file, direction } },
  );
}

export function refuseEndedTransaction(connection: Connection, step: Step): void {
  if (connection.inTransaction) return;
  throw new MigrationError(
    "MIGRATION_ENDED_TRANSACTION",
    `Cannot ${actionOf(step)}: it ended its own transaction, expected it to stay open`,
    { details: { version: step.version, file: step.file, direction: step.direction } },
  );
}
