/** A migration between two of its parts, as text and as data. */
import { describeProgress, type UnfinishedMigration } from "../migration/unfinished.ts";
import { formatVersion } from "../migration/version.ts";
import { printable } from "./output.ts";

/** The cell of a table: `UNFINISHED at 43 % (860,000 of 2,000,000 rows)`. */
export function stateOfUnfinished(unfinished: UnfinishedMigration): string {
  const word = unfinished.state === "failed" ? "FAILED" : "UNFINISHED";
  const rollback = unfinished.direction === "down" ? " rollback" : "";
  return `${word}${rollback} at ${describeProgress(unfinished)}`;
}

/** What happened, and what to do about it; a line each. */
export function renderUnfinished(unfinished: UnfinishedMigration): string[] {
  const { version, name, direction, state, statement, error, updatedAt } = unfinished;
  const label = `${formatVersion(version)}_${printable(name)}`;
  const mayHaveRun = state === "failed" ? "it failed at" : "this may have run:";
  return [
    `${label}: ${stateOfUnfinished(unfinished)}, last heard of at ${new Date(updatedAt).toISOString()}`,
    ...(statement === null ? [] : [`  ${mayHaveRun} ${printable(statement)}`]),
    ...(error === null ? [] : [`  ${printable(error)}`]),
    direction === "up"
      ? "Run `migrate up` to go on from there, or `migrate rollback` to undo it."
      : "Run `migrate rollback` to go on from there.",
  ];
}

/** The stable shape of `status --json`. */
export function unfinishedData(unfinished: UnfinishedMigration): object {
  const { version, name, direction, unit, state, done, total } = unfinished;
  const { startedAt, updatedAt, statement, error } = unfinished;
  return {
    version,
    name,
    direction,
    unit,
    state,
    done,
    total,
    startedAt,
    updatedAt,
    statement,
    error,
  };
}
