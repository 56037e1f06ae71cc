/** Side by side: contenders take turns, so that whatever the machine does meanwhile hits all of them. */
import type { Budget, Case, Metric, Sample } from "./contender.ts";

export interface Verdict {
  readonly text: string;
  readonly ratio: number;
  readonly isMet: boolean;
}

export interface Figures {
  readonly contender: string;
  readonly wallMedianMs: number;
  readonly wallMinMs: number;
  readonly cpuMedianMs: number | null;
  /** Medians against the floor's. */
  readonly wallRatio: number;
  readonly cpuRatio: number | null;
  readonly verdicts: readonly Verdict[];
}

export interface CaseResult {
  readonly name: string;
  readonly rounds: number;
  readonly unitCount: number;
  readonly figures: readonly Figures[];
}

const WARM_UP_ROUNDS = 2;

/** Runs every contender of a case once a round, in an order that rotates. */
export async function measureCase(
  {
    name,
    contenders,
    budgets,
    rounds: ownRounds,
    warmUpRounds = WARM_UP_ROUNDS,
    unitCount = 1,
  }: Case,
  rounds: number,
): Promise<CaseResult> {
  const count = ownRounds ?? rounds;
  const samples = new Map<string, Sample[]>(contenders.map((contender) => [contender.name, []]));
  for (let round = -warmUpRounds; round < count; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(turn + round + warmUpRounds) % contenders.length];
      if (contender === undefined) continue;
      const sample = await contender.run();
      if (round >= 0) samples.get(contender.name)?.push(sample);
    }
  }
  const medianOf = (contender: string, metric: Metric): number =>
    median((samples.get(contender) ?? []).map((sample) => valueOf(sample, metric)));
  const floor = contenders[0]?.name ?? "";
  const verdictOf = (contender: string, budget: Budget): Verdict => {
    const { against = floor, atMost, metric = "wall", text } = budget;
    const ratio = medianOf(contender, metric) / medianOf(against, metric);
    const words = text ?? `≤ ${atMost} x ${against}`;
    return { text: metric === "cpu" ? `${words} (CPU)` : words, ratio, isMet: ratio <= atMost };
  };
  const figures = contenders.map((contender): Figures => {
    const own = samples.get(contender.name) ?? [];
    const hasCpu = own.every(({ cpuMs }) => cpuMs !== null);
    return {
      contender: contender.name,
      wallMedianMs: medianOf(contender.name, "wall"),
      wallMinMs: Math.min(...own.map(({ wallMs }) => wallMs)),
      cpuMedianMs: hasCpu ? medianOf(contender.name, "cpu") : null,
      wallRatio: medianOf(contender.name, "wall") / medianOf(floor, "wall"),
      cpuRatio: hasCpu ? medianOf(contender.name, "cpu") / medianOf(floor, "cpu") : null,
      verdicts: (budgets[contender.name] ?? []).map((budget) => verdictOf(contender.name, budget)),
    };
  });
  return { name, rounds: count, unitCount, figures };
}

function valueOf(sample: Sample, metric: Metric): number {
  return metric === "wall" ? sample.wallMs : (sample.cpuMs ?? Number.NaN);
}

/** The middle value, the mean of the middle two; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Times a synchronous piece of work inside this process. */
export function timed(work: () => void): Sample {
  const startedAt = performance.now();
  work();
  return { wallMs: performance.now() - startedAt, cpuMs: null };
}

/** Times work that answers with a promise. */
export async function timedAsync(work: () => Promise<void>): Promise<Sample> {
  const startedAt = performance.now();
  await work();
  return { wallMs: performance.now() - startedAt, cpuMs: null };
}
