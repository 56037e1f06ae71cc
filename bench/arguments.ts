/** The command line of the benchmarks. */

export interface BenchArguments {
  /** Empty means all. */
  readonly names: readonly string[];
  readonly rounds: number;
  readonly isJson: boolean;
  readonly generator: string;
}

const DEFAULT_ROUNDS = 15;
const DEFAULT_GENERATOR = "../shared/tools/gen-transcripts.ts";

/** Reads the words after `bun bench/run.ts`; a word that means nothing is an error. */
export function readArguments(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): BenchArguments {
  const names: string[] = [];
  let rounds = DEFAULT_ROUNDS;
  let isJson = false;
  let generator = env["USAGEDB_GENERATOR"] ?? DEFAULT_GENERATOR;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--json") isJson = true;
    else if (word === "--rounds") rounds = Number(argv[++i]);
    else if (word === "--generator") generator = argv[++i] ?? "";
    else if (word.startsWith("-")) throw new Error(`Cannot use ${word}: it is no option`);
    else names.push(word);
  }
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error("Cannot use --rounds: expected an integer from 1");
  return { names, rounds, isJson, generator };
}
