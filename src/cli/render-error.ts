/** An error as a person reads it, and as a program does. */
import { type SourcePosition, UsageDbError } from "../errors.ts";
import type { MigrationEdit } from "../migration/edits.ts";
import type { Hazard } from "../migration/hazard.ts";
import { printable } from "./output.ts";

export interface RenderedError {
  readonly text: string;
  readonly json: {
    readonly error: {
      readonly code: string;
      readonly message: string;
      readonly hint: string;
      readonly details: object;
    };
  };
}

/** Renders without a stack trace: errors with a code are answers, anything else is our fault and says so. */
export function renderError(error: unknown): RenderedError {
  if (!(error instanceof UsageDbError)) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const hint = "This is a defect of usagedb; report it with the command that led here.";
    return {
      text: [
        printable(message),
        ...(error instanceof Error ? [stackOf(error)] : []),
        `  hint: ${hint}`,
      ].join("\n"),
      json: { error: { code: "UNEXPECTED", message, hint, details: {} } },
    };
  }
  const lines = [printable(error.message)];
  const position = positionOf(error);
  if (position !== null) lines.push("", ...renderPosition(position), "");
  lines.push(
    ...renderEdits(error),
    ...renderHazards(error),
    ...renderRunState(error),
    `  hint: ${printable(error.hint)}`,
    `  code: ${error.code}`,
  );
  return { text: lines.join("\n"), json: { error: error.toJSON() } };
}

function stackOf(error: Error): string {
  return (error.stack ?? "").split("\n").slice(1, 6).map(printable).join("\n");
}

function positionOf(error: UsageDbError): SourcePosition | null {
  const position = error.details["position"];
  return typeof position === "object" && position !== null ? (position as SourcePosition) : null;
}

/** The line itself with a caret below it; long lines are cut around the column. */
function renderPosition({ file, line, column, sourceLine }: SourcePosition): string[] {
  const start = Math.max(0, column - 60);
  const shown = sourceLine.slice(start, start + 110).replaceAll("\t", " ");
  const gutter = String(line);
  return [
    `  ${printable(file)}:${line}:${column}`,
    `  ${gutter} | ${printable(shown)}`,
    `  ${" ".repeat(gutter.length)} | ${" ".repeat(Math.max(0, column - 1 - start))}^`,
  ];
}

/** What was changed in each migration that was edited after it was applied. */
function renderEdits({ details }: UsageDbError): string[] {
  const edits = details["edits"];
  if (!Array.isArray(edits)) return [];
  // Loaded only for an error that has some.
  const { renderEdit } = require("./render-edit.ts") as typeof import("./render-edit.ts");
  return (edits as MigrationEdit[]).flatMap((edit) => ["", ...renderEdit(edit)]).concat("");
}

/** Every hazard that stopped a run, with its way out. */
function renderHazards({ details }: UsageDbError): string[] {
  const hazards = details["hazards"];
  if (!Array.isArray(hazards)) return [];
  // Loaded only for an error that has some.
  const { renderHazard } = require("./render-hazards.ts") as typeof import("./render-hazards.ts");
  return (hazards as Hazard[]).flatMap(renderHazard).map((line) => `  ${line}`);
}

/** What a migration run that failed left behind. */
function renderRunState(error: UsageDbError): string[] {
  const { applied, failed, notRun } = error.details;
  if (!Array.isArray(applied) || !Array.isArray(notRun)) return [];
  const list = (versions: readonly unknown[]): string =>
    versions.length === 0 ? "none" : versions.join(", ");
  return [
    `  done before: ${list(applied)} · failed and undone: ${String(failed)} · not run: ${list(notRun)}`,
  ];
}
