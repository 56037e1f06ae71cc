/** What a run of migrations tells while it goes on, as remarks on stderr. */
import type { Drift, LockHolder } from "../engine/driver.ts";
import type { MigrationEvent } from "../engine/migrator.ts";
import { describeHolder } from "../engine/sqlite/lock-holder.ts";
import type { StepRate } from "../engine/progress-meter.ts";
import type { Step } from "../migration/plan.ts";
import { formatVersion } from "../migration/version.ts";
import type { Output } from "./output.ts";
import type { ProgressLine } from "./progress.ts";
import { renderStep } from "./render-migrations.ts";

/** A listener that prints what a person wants to know while they wait; with `--json` nothing stands beside the data. */
export function tellEvents(output: Output): (event: MigrationEvent) => void {
  let progress: ProgressLine | null = null;
  return (event) => {
    if (output.isJson) return;
    if (event.type === "progress") {
      // Not loaded with this module: hardly a migration takes long enough.
      const { ProgressLine: Line } = require("./progress.ts") as typeof import("./progress.ts");
      progress ??= new Line(`  ${labelOf(event.step)}`, output.isQuiet);
      progress.update(
        event.done,
        event.total,
        (count) => count.toLocaleString("en-US"),
        paceOf(event),
      );
      return;
    }
    if (event.type !== "statement") {
      progress?.clear();
      progress = null;
    }
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
          `  waiting for the lock before ${labelOf(event.step)}: ${waitsFor(event.holder)}`,
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

const labelOf = ({ version, name }: Step): string => `${formatVersion(version)}_${name}`;

/** `rows, 150,000/s, 12 s left`. */
function paceOf({ unit, rowsPerSecond, etaMs }: StepRate): string {
  if (rowsPerSecond === null || etaMs === null) return ` ${unit}`;
  return ` ${unit}, ${Math.round(rowsPerSecond).toLocaleString("en-US")}/s, ${Math.ceil(etaMs / 1000)} s left`;
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
