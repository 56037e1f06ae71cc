/** The foreign keys of a run: what pointed at nothing before a step, so that the step answers only for its own. */
import type { Step } from "../../migration/plan.ts";
import { carryOutCascades } from "./carry-out-cascades.ts";
import type { Connection } from "./connection.ts";
import {
  baselineOf,
  newViolations,
  readViolations,
  type ViolationBaseline,
} from "./foreign-keys.ts";
import { refuseViolations } from "./step-failure.ts";

export class StepKeys {
  readonly #connection: Connection;
  #baseline: ViolationBaseline = new Map();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Takes what points at nothing now for somebody else's. */
  look(hasForeignKeys: boolean): void {
    this.#baseline = hasForeignKeys ? baselineOf(readViolations(this.#connection)) : new Map();
  }

  /** Takes over what an unfinished step found when it began. */
  resume(violations: string): void {
    this.#baseline = new Map(JSON.parse(violations) as [string, number][]);
  }

  /**
   * Carries out the cascades that were allowed, and refuses what the step left behind besides.
   * @throws {MigrationError} MIGRATION_FOREIGN_KEYS.
   */
  refuseNew(step: Step): void {
    if (step.cascades !== undefined)
      carryOutCascades(this.#connection, step.cascades, this.#baseline);
    const violations = readViolations(this.#connection);
    refuseViolations(step, newViolations(violations, this.#baseline));
    this.#baseline = baselineOf(violations);
  }
}
