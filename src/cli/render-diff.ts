/** A schema's differences for people, and the SQL that mends them for a file. */
import type { Mend } from "../engine/sqlite/mend-schema.ts";
import type { SchemaDiff, SchemaDifference } from "../engine/sqlite/schema-diff.ts";
import type { MigrationEdit } from "../migration/edits.ts";
import { printable } from "./output.ts";
import { renderEdit } from "./render-edit.ts";

const STATES: Readonly<Record<SchemaDifference["state"], string>> = {
  missing: "is missing from the database",
  surplus: "is only in the database",
  changed: "differs",
};

/** As SQL comments: with the mending SQL below it, the whole is one script. */
export function renderDiff(
  { differences, unknown }: Pick<SchemaDiff, "differences" | "unknown">,
  edits: readonly MigrationEdit[],
): string {
  const lines = differences.flatMap(({ type, name, state, expected, observed }) => [
    `${type} ${name} ${STATES[state]}`,
    ...(state === "changed"
      ? [
          ...expected.map((line) => `  - ${line}   (the migrations build it)`),
          ...observed.map((line) => `  + ${line}   (the database has it)`),
        ]
      : []),
  ]);
  const texts = edits.flatMap(renderEdit);
  if (differences.length === 0 && unknown === null)
    lines.push("The schema is what the applied migrations build.");
  return [...lines, ...texts].map((line) => `-- ${printable(line)}`).join("\n");
}

/** One transaction, with foreign keys off: a rebuild with them on deletes every child row by cascade. */
export function renderMend({ statements, cautions, isComplete }: Mend): string {
  const remarks = [
    ...cautions,
    ...(isComplete ? [] : ["this does not lead all the way: look at the differences above"]),
  ];
  return [
    "",
    ...remarks.map((remark) => `-- CAUTION: ${printable(remark)}`),
    "PRAGMA foreign_keys = OFF;",
    "BEGIN IMMEDIATE;",
    ...statements.map((statement) => `${statement};`),
    "PRAGMA foreign_key_check;",
    "COMMIT;",
  ].join("\n");
}
