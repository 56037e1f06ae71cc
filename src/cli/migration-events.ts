/** What a run of migrations tells while it goes on, as remarks on stderr. */
import type { Drift, LockHolder } from "../engine/driver.ts";
import type { MigrationEvent } from "../engine/migrator.ts";
import { describeHolder } from "../engine/sqlite/lock-holder.ts";
import { formatVersion } from "../migration/version.ts";
import type { Output } from "./output.ts";
import { renderStep } from "./render-migrations.ts";

/** A listener that prints what a person wants to know while they wait; with `--json` nothing stands beside the data. */
export function tellEvents(output: Output): (event: MigrationEvent) => void {
  return (event) => {
    if (output.isJson) return;
    switch (event.type) {
      case "applied":
      case "rolled-back":
        output.note(renderStep(event.step, event.executionTimeMs));
        break;
      case "replanned":
        output.note("  another process is migrating too; going on from where it is");
        break;
      case "waiting":
        output.note(
          `  waiting for the lock before ${formatVersion(event.step.version)}_${event.step.name}: ${waitsFor(event.holder)}`,
        );
        break;
      case "drifted":
        for (const line of renderDrift(event.drift)) output.note(line);
        break;
      default:
        break;
    }
  };
}

function waitsFor(holder: LockHolder | null): string {
  return `${describeHolder(holder)} holds it`;
}

/** That the schema has drifted, how, and what to do about it; no line when it has not. */
export function renderDrift({ differences, unknown }: Drift): string[] {
  if (unknown !== null) return [`The schema cannot be compared: ${unknown}.`];
  if (differences.length === 0) return [];
  const named = differences.slice(0, MAX_NAMED);
  const rest = differences.length - named.length;
  return [
    "The schema is not what the applied migrations build:",
    ...named.map((difference) => `  ${difference}`),
    ...(rest === 0 ? [] : [`  and ${rest} more`]),
    "Run `migrate diff` for the SQL that mends it.",
  ];
}

const MAX_NAMED = 5;
