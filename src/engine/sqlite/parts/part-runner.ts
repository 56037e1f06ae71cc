/** The parts of one step at a time, of either kind. */
import type { Step } from "../../../migration/plan.ts";
import type { PartOutcome, StepContext } from "../../driver.ts";
import { BatchedPart } from "./batched-part.ts";
import type { PartHost } from "./part-host.ts";
import { StatementPart } from "./statement-part.ts";

export class PartRunner {
  readonly #host: PartHost;
  #step: Step | null = null;
  #part: BatchedPart | StatementPart | null = null;

  constructor(host: PartHost) {
    this.#host = host;
  }

  apply(step: Step, context: StepContext): PartOutcome {
    if (this.#part === null || this.#step !== step) {
      this.#part = partOf(this.#host, step);
      this.#step = step;
    }
    return this.#part.apply(context);
  }
}

function partOf(host: PartHost, step: Step): BatchedPart | StatementPart {
  const { body } = step;
  switch (body.kind) {
    case "batched":
      return new BatchedPart(host, step, body);
    case "sql":
      return new StatementPart(host, step, body);
    default:
      throw new TypeError("A function runs in one transaction, not in parts");
  }
}
