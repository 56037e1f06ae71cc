/**
 * Strategy: on a file system of six megabytes a program writes until nothing fits, tries to prune, closes and opens by
 * chance; then somebody else's file goes, it prunes and goes on.
 * Invariants: what does not fit is refused by name, and nothing that was acknowledged is lost or changed; once there is
 * room, prune and writes succeed.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { tempFolder } from "../support/temp-folder.ts";
import { Failures, type FaultRow, type RowResult, type RowRun, spread } from "./row.ts";
import { NO_SMALL_DISK, onSmallDisk } from "./small-disk.ts";

const PROGRAM = join(import.meta.dir, "full-disk-program.ts");

async function run(options: RowRun): Promise<RowResult> {
  using folder = tempFolder();
  const failures = new Failures("full-disk", options);
  await spread(options.rounds, async (round) => {
    const disk = folder.at(`disk-${round}`);
    mkdirSync(disk);
    const seed = String(options.chanceOf(round).seed);
    const { exitCode, stdout, stderr } = await onSmallDisk(disk, [PROGRAM, disk, seed]);
    if (exitCode !== 0) failures.add(round, `it ended with ${exitCode}: ${stderr.slice(0, 1000)}`);
    else for (const what of JSON.parse(stdout) as string[]) failures.add(round, what);
  });
  return { tried: options.rounds, failures: failures.lines, figures: { "disk MB": 6 } };
}

export const fullDisk: FaultRow = {
  name: "full-disk",
  fault: "write until the disk is full, prune, go on",
  target: "refused by name, nothing lost; recovers",
  unit: "disks",
  shortRounds: 1,
  longRounds: 100,
  skip: NO_SMALL_DISK,
  run,
};
