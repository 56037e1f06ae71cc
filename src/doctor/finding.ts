/** What a look at a database says: facts, and what is wrong with the remedy. */

/** The parts of an examination, in the order in which they are shown. */
export const TOPICS = [
  "file",
  "versions",
  "settings",
  "space",
  "wal",
  "schema",
  "integrity",
  "units",
  "numbers",
  "backups",
  "maintenance",
  "sources",
] as const;
export type Topic = (typeof TOPICS)[number];

/** What `mend` can do without losing anything. */
export type Fix = "modes" | "migrate" | "mirror" | "sums" | "sync" | "checkpoint" | "maintain";

export interface Finding {
  readonly topic: Topic;
  /** A problem needs doing; a remark is good to know. */
  readonly degree: "problem" | "remark";
  /** The file, table, setting or version it is about. */
  readonly object: string;
  readonly observed: string;
  readonly remedy: string;
  /** Null where a person has to do it. */
  readonly fix: Fix | null;
}

export type FactValue = string | number | boolean | null | readonly FactRow[];
export type FactRow = Readonly<Record<string, string | number | boolean | null>>;

export interface Fact {
  /** A key of the topic's JSON. */
  readonly name: string;
  readonly value: FactValue;
}

export interface TopicReport {
  readonly topic: Topic;
  readonly facts: readonly Fact[];
  readonly findings: readonly Finding[];
  /** What could not be looked at, with the reason: silence would look like health. */
  readonly notChecked: readonly string[];
}

/** Collects a topic's report while it is looked at. */
export class TopicNotes {
  readonly #topic: Topic;
  readonly #facts: Fact[] = [];
  readonly #findings: Finding[] = [];
  readonly #notChecked: string[] = [];

  constructor(topic: Topic) {
    this.#topic = topic;
  }

  fact(name: string, value: FactValue): void {
    this.#facts.push({ name, value });
  }

  problem(
    object: string,
    what: Pick<Finding, "observed" | "remedy"> & { readonly fix?: Fix },
  ): void {
    this.#findings.push({ topic: this.#topic, degree: "problem", object, fix: null, ...what });
  }

  remark(
    object: string,
    what: Pick<Finding, "observed" | "remedy"> & { readonly fix?: Fix },
  ): void {
    this.#findings.push({ topic: this.#topic, degree: "remark", object, fix: null, ...what });
  }

  notChecked(reason: string): void {
    this.#notChecked.push(reason);
  }

  report(): TopicReport {
    return {
      topic: this.#topic,
      facts: this.#facts,
      findings: this.#findings,
      notChecked: this.#notChecked,
    };
  }
}
