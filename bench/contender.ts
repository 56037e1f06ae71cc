/** What is measured: contenders in a case, each against the case's floor. */

/** One measurement. */
export interface Sample {
  readonly wallMs: number;
  /** User and system time of the process; null where only a part of a process was measured. */
  readonly cpuMs: number | null;
}

/** What a contender's figure is compared by. */
export type Metric = "wall" | "cpu";

/** A bound on a ratio of medians. */
export interface Budget {
  /** The contender whose figure is divided by; the case's floor when left out. */
  readonly against?: string;
  readonly atMost: number;
  /** How the bound reads in the table; made from `atMost` when left out. */
  readonly text?: string;
  readonly metric?: Metric;
}

export interface Contender {
  readonly name: string;
  /** Runs once and says how long the measured part took; set-up and checks stay outside. */
  readonly run: () => Sample | Promise<Sample>;
}

/** Contenders that do the same work; the first one is the floor. */
export interface Case {
  readonly name: string;
  readonly contenders: readonly Contender[];
  /** Bounds on a contender's ratio, by the contender's name. */
  readonly budgets: Readonly<Record<string, readonly Budget[]>>;
  /** Rounds that this case asks for; the command's own count when left out. */
  readonly rounds?: number;
  /** Rounds that are thrown away first; 2 when left out. */
  readonly warmUpRounds?: number;
  /** How many units of work a run holds, to print a time per unit; 1 when left out. */
  readonly unitCount?: number;
}

/** A figure that is reported as it is, without a floor. */
export interface Fact {
  readonly name: string;
  readonly value: string;
}

export interface Skipped {
  readonly skipped: string;
}

export interface BenchmarkContext {
  /** A folder of this benchmark's own, deleted afterwards. */
  readonly folder: string;
  /** The generator of transcripts. */
  readonly generator: string;
  /** Measures a case and adds it to the results. */
  readonly measure: (benchmarkCase: Case) => Promise<void>;
  readonly report: (fact: Fact) => void;
  /** Says on stderr what is going on. */
  readonly note: (text: string) => void;
}

export interface Benchmark {
  readonly name: string;
  readonly description: string;
  /** True when it can't run without the packages of bench/package.json. */
  readonly needsPeers: boolean;
  /** Returns why it was skipped, or nothing. */
  readonly run: (context: BenchmarkContext) => Promise<Skipped | void>;
}
