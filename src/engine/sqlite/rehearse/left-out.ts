/** Which downs cannot be rehearsed, and why. */
import type { AppliedMigration, Migration } from "../../../migration/migration.ts";
import type { Step } from "../../../migration/plan.ts";
import { formatVersion, type Version } from "../../../migration/version.ts";
import type { LeftOutStep } from "./report.ts";

/** Pending steps that cannot be undone one by one: those up to the newest without a down, and late ones. */
export function pendingLeftOut(steps: readonly Step[], head: Version): LeftOutStep[] {
  const border = steps.findLastIndex(({ hasDown, version }) => !hasDown || version < head) + 1;
  const barrier = steps[border - 1]?.version ?? head;
  return steps
    .slice(0, border)
    .toReversed()
    .map(({ version, name, hasDown }) => ({
      direction: "down",
      version,
      name,
      reason: !hasDown
        ? NO_DOWN
        : version < head
          ? `it is older than the applied version ${formatVersion(head)}, which a rollback would undo first`
          : afterIt(barrier),
    }));
}

/** Applied versions that a rollback and a second up cannot take, and those below them. */
export function appliedLeftOut(
  wanted: readonly AppliedMigration[],
  migrations: readonly Migration[],
): LeftOutStep[] {
  const files = new Map(migrations.map((migration) => [migration.version, migration]));
  const hasDown = ({ version, down_sql }: AppliedMigration): boolean => {
    const down = files.get(version)?.down ?? null;
    return down_sql !== null || (down !== null && down.kind !== "sql");
  };
  const border =
    wanted.findLastIndex((applied) => !hasDown(applied) || !files.has(applied.version)) + 1;
  const barrier = wanted[border - 1]?.version ?? 0;
  return wanted
    .slice(0, border)
    .toReversed()
    .map((applied) => ({
      direction: "down",
      version: applied.version,
      name: applied.name,
      reason: !hasDown(applied)
        ? NO_DOWN
        : !files.has(applied.version)
          ? "its file is gone, so it could not be applied again"
          : afterIt(barrier),
    }));
}

const NO_DOWN = "it has no down";
const afterIt = (barrier: Version): string =>
  `version ${formatVersion(barrier)} after it cannot be undone`;
