/** The nearest right word for a wrong one. */

/**
 * The candidate that a slip of the finger away is closest; undefined when none is close enough to be meant.
 * Leading dashes do not count: they would make any two short flags alike.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = bare(word);
  let best: string | undefined;
  // A word of which nothing is left is another word.
  let bestDistance = Math.min(Math.max(2, Math.floor(wanted.length / 3)) + 1, wanted.length);
  for (const candidate of candidates) {
    const known = bare(candidate);
    const isPrefix = wanted.length >= 2 && known !== wanted && known.startsWith(wanted);
    const distance = isPrefix ? 1 : editDistance(wanted, known);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

const bare = (word: string): string => word.replace(/^-+/, "").toLowerCase();

/** Damerau-Levenshtein without repeated edits of one place: a swap of neighbours costs one. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const current = [i];
    for (let j = 1; j <= right.length; j++) {
      const isSame = left[i - 1] === right[j - 1];
      let cost = Math.min(
        (previous[j] as number) + 1,
        (current[j - 1] as number) + 1,
        (previous[j - 1] as number) + (isSame ? 0 : 1),
      );
      const isSwap = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (isSwap) cost = Math.min(cost, (beforePrevious[j - 2] as number) + 1);
      current.push(cost);
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[right.length] as number;
}
