/** Which backups are no longer needed; pure. */

export interface RotatedBackup {
  readonly path: string;
  /** Epoch milliseconds, UTC, from its name. */
  readonly at: number;
  readonly sizeBytes: number;
}

/** Days and weeks that have a backup are counted, so a clock that jumped, or a machine that rested, costs none. */
const KEPT_DAYS = 7;
const KEPT_WEEKS = 4;
/** Of a large database fewer are kept: as many as fit into this many times the newest, or into a gigabyte. */
const ROOM_FACTOR = 4;
const ROOM_BYTES = 1e9;
/** Never fewer than this, however large they are. */
const LEAST = 2;

const DAY_MS = 86_400_000;
/** 1970 began on a Thursday; weeks begin on Monday. */
const WEEK_SHIFT_DAYS = 3;

/**
 * Those that may go, oldest first: all but the one just made, the newest of each of the last seven days and four weeks
 * that have one, and of these again the oldest where together they are too large. Two always stay.
 */
export function expendable(
  backups: readonly RotatedBackup[],
  made: RotatedBackup,
): RotatedBackup[] {
  const newestFirst = backups
    .filter(({ path }) => path !== made.path)
    .sort((left, right) => right.at - left.at);
  const days = new Set([dayOf(made)]);
  const weeks = new Set([weekOf(made)]);
  const kept: RotatedBackup[] = [];
  let bytes = made.sizeBytes;
  const room = Math.max(ROOM_BYTES, made.sizeBytes * ROOM_FACTOR);
  for (const backup of newestFirst) {
    const isOfDay = isFirstOf(days, dayOf(backup), KEPT_DAYS);
    const isOfWeek = isFirstOf(weeks, weekOf(backup), KEPT_WEEKS);
    if (!isOfDay && !isOfWeek && kept.length + 1 >= LEAST) continue;
    if (bytes + backup.sizeBytes > room && kept.length + 1 >= LEAST) continue;
    bytes += backup.sizeBytes;
    kept.push(backup);
  }
  return newestFirst.filter((backup) => !kept.includes(backup)).toReversed();
}

function isFirstOf(seen: Set<number>, period: number, most: number): boolean {
  if (seen.has(period) || seen.size >= most) return false;
  seen.add(period);
  return true;
}

function dayOf({ at }: RotatedBackup): number {
  return Math.floor(at / DAY_MS);
}

function weekOf(backup: RotatedBackup): number {
  return Math.floor((dayOf(backup) + WEEK_SHIFT_DAYS) / 7);
}
