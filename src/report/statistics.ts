/** Order statistics of a few numbers. */

/**
 * The value below which a share of the numbers lies, between two of them in proportion; never beyond the smallest
 * and the largest. Returns null for no numbers.
 * @param share 0 to 1.
 */
export function quantile(numbers: readonly number[], share: number): number | null {
  if (numbers.length === 0) return null;
  const sorted = numbers.toSorted((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below + (above - below) * (position - Math.floor(position));
}
